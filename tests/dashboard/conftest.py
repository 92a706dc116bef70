"""One Chromium for all tests of a process, in one event loop."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser

from tests.dashboard.browser import chromium, started_browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium, or a skipped test."""
    async with started_browser(chromium()) as started:
        yield started
