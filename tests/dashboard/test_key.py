"""The function key: where it is kept, where it is sent, and what is said without it."""

import pytest
from aiohttp import web
from playwright.async_api import Browser, expect

from tests.dashboard.browser import opened_page, shown
from tests.dashboard.sample_jobs import SampleJob
from tests.dashboard.stand_in_api import StandInApi

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEY = "secret-key-1"
KEPT = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])"


def locked() -> StandInApi:
    api = StandInApi([SampleJob(job_id=f"job-{n}", size=4, state="succeeded") for n in range(60)])
    api.key = KEY
    return api


async def test_a_key_is_asked_for_once_and_kept_in_the_tab_only(browser: Browser) -> None:
    async with shown(browser, locked()) as page:
        dialog = page.get_by_role("dialog", name="Function key")
        await expect(dialog).to_contain_text("The app asks for a function key.")
        await dialog.get_by_label("Key").fill("wrong")
        await page.keyboard.press("Enter")
        await expect(dialog).to_contain_text("The app refuses this key.")
        await dialog.get_by_label("Key").fill(KEY)
        await page.keyboard.press("Enter")
        await expect(page.locator("#job-groups tr.item")).to_have_count(50)
        local, session, cookies, address = await page.evaluate(f"JSON.parse({KEPT})")
        assert (local, session, cookies) == ({}, {"batchmgr-function-key": KEY}, "")
        assert KEY not in address
        await page.reload()
        await expect(page.locator("#job-groups tr.item")).to_have_count(50)
        async with opened_page(browser, fresh=True) as other:
            await other.goto(page.url)
            await expect(other.get_by_role("dialog", name="Function key")).to_be_visible()
        await page.get_by_role("button", name="Key", exact=True).click()
        await dialog.get_by_role("button", name="Forget the key").click()
        assert KEY not in await page.evaluate(KEPT)


async def test_a_key_from_a_link_is_taken_out_of_the_address_at_once(browser: Browser) -> None:
    async with shown(browser, locked(), f"?job=job-1#key={KEY}", fresh=True) as page:
        await expect(page.get_by_text("4 of 4 tasks have ended")).to_be_visible()
        assert page.url.endswith("?job=job-1")
        assert await page.evaluate("history.length") <= 2


async def test_the_key_goes_to_this_app_only_whatever_a_link_says(browser: Browser) -> None:
    """The `nextLink` of these answers names another host."""
    async with shown(browser, locked(), f"#key={KEY}") as page:
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.url))
        await page.get_by_role("button", name="Show more").click()
        await expect(page.locator("#job-groups tr.item")).to_have_count(60)
        assert all(url.startswith("http://127.0.0.1:") and KEY not in url for url in sent)


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=401, headers={"WWW-Authenticate": "Bearer realm=app"}),
        web.Response(status=302, headers={"Location": "https://login.example/"}),
    ],
)
async def test_who_has_to_sign_in_is_told_so_and_not_asked_for_a_key(
    browser: Browser, answer: web.Response
) -> None:
    api = locked()
    api.sign_in = answer
    async with shown(browser, api) as page:
        await expect(
            page.get_by_text("App Service Authentication, in front of this app, asks")
        ).to_be_visible()
        await expect(page.get_by_role("dialog")).to_be_hidden()
        link = page.get_by_role("link", name="Sign in")
        back = "post_login_redirect_uri=%2Fapi%2Fdashboard"
        await expect(link).to_have_attribute("href", f"/.auth/login/aad?{back}")


async def test_who_is_forbidden_is_told_so(browser: Browser) -> None:
    api = locked()
    api.sign_in = web.Response(status=403)
    async with shown(browser, api) as page:
        await expect(page.get_by_text("or a rule of the network, forbids you this.")).to_be_visible()
        await expect(page.get_by_role("dialog")).to_be_hidden()
