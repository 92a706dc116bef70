"""Chromium, and pages in it: a script that fails, or does what the policy forbids, fails the test."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

import pytest
from playwright.async_api import Browser, ConsoleMessage, Error, Page, async_playwright, expect

from tests.dashboard.stand_in_api import StandInApi

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb")
PATIENCE_MS = 20_000
"""Only a busy machine needs that long."""

DESKTOP = (1280, 900)
PHONE = (390, 844)
STATUS = "the server responded with a status of"


def chromium() -> str:
    """Return the path of Chromium. Skip the test if there is none; in CI, fail, unless it can't be there."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        reason = "Chromium is missing (on Debian and Ubuntu: apt install chromium)"
        if os.environ.get("CI") and not os.environ.get("WITHOUT_CHROMIUM"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@asynccontextmanager
async def started_browser(path: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=OPTIONS)
        try:
            yield browser
        finally:
            await browser.close()


_pages = WeakKeyDictionary[Browser, dict[tuple[tuple[int, int], bool], Page]]()
"""The page of each look: a new one costs more than most tests do."""


@asynccontextmanager
async def opened_page(
    browser: Browser, *, size: tuple[int, int] = DESKTOP, dark: bool = False, fresh: bool = False
) -> AsyncIterator[Page]:
    """A page, empty at first. When the block ends, no error may have been written to its console.

    `fresh`: in a tab of its own, without a history.
    """
    pages = _pages.setdefault(browser, {})
    page = pages.get((size, dark)) if not fresh else None
    if page is None:
        page = await _new_page(browser, size, dark)
    if not fresh:
        pages[size, dark] = page
    errors: list[str] = []

    def keep(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and STATUS not in message.text:
            errors.append(message.text)

    def keep_error(error: Error) -> None:
        errors.append(str(error))

    page.on("console", keep)
    page.on("pageerror", keep_error)
    try:
        yield page
    finally:
        if fresh:
            await page.context.close()
        else:
            await page.evaluate("sessionStorage.clear()")
            await page.goto("about:blank")
            page.remove_listener("console", keep)
            page.remove_listener("pageerror", keep_error)
    assert errors == []


async def _new_page(browser: Browser, size: tuple[int, int], dark: bool) -> Page:
    width, height = size
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        timezone_id="Asia/Tokyo",
        accept_downloads=True,
    )
    context.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    return await context.new_page()


@asynccontextmanager
async def shown(
    browser: Browser,
    api: StandInApi,
    query: str = "",
    *,
    size: tuple[int, int] = DESKTOP,
    dark: bool = False,
    fresh: bool = False,
) -> AsyncIterator[Page]:
    """The dashboard on this API, opened at this query string."""
    async with api.served() as url, opened_page(browser, size=size, dark=dark, fresh=fresh) as page:
        await page.goto(url + query)
        yield page
