"""The page stays live: it follows a job as it changes, and says when it can't."""

import pytest
from playwright.async_api import Browser, Page, expect

from tests.dashboard.browser import shown
from tests.dashboard.sample_jobs import SampleJob
from tests.dashboard.stand_in_api import StandInApi

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.browser]


def live_job() -> SampleJob:
    return SampleJob(job_id="live", size=400, ended=100)


async def set_hidden(page: Page, hidden: bool) -> None:
    """Have the page believe that its tab is in the background, or in front again."""
    await page.evaluate(
        """(hidden) => {
            Object.defineProperty(document, "hidden", { get: () => hidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


async def test_a_change_is_shown_at_once_and_nothing_is_asked_for_before(browser: Browser) -> None:
    api = StandInApi([live_job()])
    async with shown(browser, api, "?job=live") as page:
        words = page.get_by_text("tasks have ended")
        await expect(words).to_contain_text("100 of 400")
        await api.until_waited_for("live")
        asked = len(api.asked)
        await api.change("live", ended=200, failed=1)
        await expect(words).to_contain_text("200 of 400 tasks have ended: 1 failed")
        assert "jobs/live/failures" in api.asked[asked:]
        await api.until_waited_for("live")
        assert api.asked[-1] == "jobs/live"


async def test_scroll_selection_and_focus_stay_when_something_changes(browser: Browser) -> None:
    api = StandInApi([live_job()])
    async with shown(browser, api, "?job=live&task=count-30") as page:
        table = page.get_by_role("region", name="Table of tasks")
        await expect(table.locator("tr[aria-current=true]")).to_contain_text("count-30")
        await table.evaluate("(one) => { one.scrollTop = 600; }")
        await table.get_by_role("link", name="count-31").focus()
        await api.until_waited_for("live")
        await api.change("live", ended=250, failed=2)
        await expect(page.get_by_text("tasks have ended")).to_contain_text("250 of 400")
        assert await table.evaluate("(one) => one.scrollTop") == 600
        await expect(table.locator("tr[aria-current=true]")).to_contain_text("count-30")
        await expect(table.get_by_role("link", name="count-31")).to_be_focused()
        await page.get_by_role("button", name="Cancel …").focus()
        await api.until_waited_for("live")
        await api.change("live", ended=260)
        await expect(page.get_by_text("tasks have ended")).to_contain_text("260 of 400")
        await expect(page.get_by_role("button", name="Cancel …")).to_be_focused()


async def test_after_an_error_the_last_good_view_stays_with_its_time_and_comes_back(browser: Browser) -> None:
    api = StandInApi([live_job()])
    async with shown(browser, api, "?job=live") as page:
        await expect(page.get_by_text("tasks have ended")).to_contain_text("100 of 400")
        api.broken = True
        await page.keyboard.press("r")
        notice = page.get_by_role("status").filter(has_text="Storage is busy.")
        await expect(notice).to_contain_text("This is how it was at")
        await expect(notice).to_contain_text("The next look is in 2 s.")
        await expect(page.get_by_text("tasks have ended")).to_contain_text("100 of 400")
        api.broken = False
        await page.keyboard.press("r")
        await expect(notice).to_be_hidden()


async def test_a_hidden_page_asks_nothing_and_looks_once_when_it_is_seen_again(browser: Browser) -> None:
    api = StandInApi([live_job()])
    async with shown(browser, api, "?job=live") as page:
        await api.until_waited_for("live")
        await set_hidden(page, True)
        await api.until(lambda: "live" not in api.waiting)
        asked = len(api.asked)
        await api.change("live", ended=300)
        await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert len(api.asked) == asked
        await set_hidden(page, False)
        await expect(page.get_by_text("tasks have ended")).to_contain_text("300 of 400")


async def test_a_job_that_has_ended_is_asked_for_no_more(browser: Browser) -> None:
    api = StandInApi([live_job()])
    async with shown(browser, api, "?job=live") as page:
        await api.until_waited_for("live")
        await api.change("live", ended=400, state="succeeded")
        await expect(page.locator("#as-of")).to_contain_text("nothing more will happen")
        await expect(page.get_by_text("400 of 400 tasks have ended: none failed.")).to_be_visible()
        assert "live" not in api.waiting


async def test_how_old_the_page_is_can_be_read_all_the_time(browser: Browser) -> None:
    async with shown(browser, StandInApi([live_job()]), "?job=live") as page:
        as_of = page.locator("#as-of")
        await expect(as_of).to_contain_text("As of ")
        await page.evaluate("Date.now = ((now) => () => now() + 90_000)(Date.now)")
        await expect(as_of).to_contain_text("1 min 3")
