"""The list of jobs, with search and filters in the address, and what an operator looks at."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Browser, expect

from tests.dashboard.browser import shown
from tests.dashboard.sample_jobs import SampleJob
from tests.dashboard.stand_in_api import StandInApi

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.browser]

SINCE = "2026-11-28T12:00:00Z"
QUOTA = {"code": "ActiveJobAndScheduleQuotaReached", "reason": "quota", "advice": "wait"}
LINE = {"waitingFor": {**QUOTA, "since": SINCE, "place": 3}}
CALLBACK = {"id": "a", "kind": "callback", "jobId": "bad-1", "receiver": "adf.example:443", "reason": "404"}
MESSAGE = {"id": "b", "kind": "message", "queue": "batchmgr-job-requests-poison", "reason": "no JSON"}


def many_jobs() -> list[SampleJob]:
    now = datetime.now(UTC)
    return [
        SampleJob(job_id=f"job-{n:03}", size=0, state="succeeded", created_at=now - timedelta(minutes=n))
        for n in range(120)
    ] + [
        SampleJob(job_id="bad-1", size=4, failed=4, state="failed", more={"metadata": {"project": "rye"}}),
        SampleJob(job_id="live-1", size=10, ended=5),
        SampleJob(job_id="line-1", state="submitting", size=0, more=LINE),
    ]


async def test_active_jobs_are_apart_from_ended_ones_and_a_page_says_that_there_are_more(
    browser: Browser,
) -> None:
    async with shown(browser, StandInApi(many_jobs())) as page:
        await expect(page.locator("#job-groups tr.item")).to_have_count(52)
        ended = page.locator("#job-groups section").nth(1)
        await expect(ended.locator("tr.item").first).to_contain_text("job-000")
        await expect(ended).to_contain_text("50 are shown, the newest first; there are more.")
        await ended.get_by_role("button", name="Show more").click()
        await expect(ended).to_contain_text("100 are shown")
        await ended.get_by_role("button", name="Show more").click()
        await expect(ended.locator("tr.item")).to_have_count(121)


async def test_search_and_filters_are_in_the_address_and_back_restores_them(browser: Browser) -> None:
    api = StandInApi(many_jobs())
    async with shown(browser, api) as page:
        await page.get_by_role("searchbox").fill("job-01")
        await expect(page.locator("#job-groups tr.item")).to_have_count(10)
        await page.get_by_role("button", name="Ended", exact=True).click()
        assert page.url.endswith("?q=job-01&jobs=ended")
        await page.get_by_role("link", name="job-012").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("job-012")
        await page.go_back()
        await expect(page.get_by_role("searchbox")).to_have_value("job-01")
        await expect(page.locator("#job-groups tr.item")).to_have_count(10)
        await page.goto(f"{api.url}/dashboard?q=project%3Drye")
        await expect(page.locator("#job-groups tr.item")).to_have_count(1)
        await expect(page.locator("#job-groups tr.item")).to_contain_text("bad-1")


async def test_an_id_that_is_typed_is_found_however_many_jobs_there_are(browser: Browser) -> None:
    async with shown(browser, StandInApi(many_jobs())) as page:
        await page.keyboard.press("/")
        await page.keyboard.type("job-119")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("job-119")


async def test_keys_lead_through_the_list(browser: Browser) -> None:
    async with shown(browser, StandInApi(many_jobs())) as page:
        await expect(page.locator("#job-groups tr.item")).to_have_count(52)
        active = await page.locator("#job-groups section").first.locator("a.open").all_text_contents()
        await page.keyboard.press("f")
        await expect(page.locator("#job-groups tr.item")).to_have_count(1)
        await page.keyboard.press("f")
        await expect(page.locator("#job-groups tr.item")).to_have_count(52)
        for key in "jjjk":
            await page.keyboard.press(key)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text(active[1])


async def test_the_line_has_places_dead_letters_have_reasons_and_health_says_what_is_wrong(
    browser: Browser,
) -> None:
    api = StandInApi(many_jobs())
    api.letters = [{**letter, "time": SINCE} for letter in (CALLBACK, MESSAGE)]
    api.health = {
        "status": "unhealthy",
        "checks": {"storage": "ok", "batch": "401"},
        "poison": {"a-poison": 2},
    }
    async with shown(browser, api) as page:
        app = page.get_by_role("region", name="Operations")
        await expect(app).to_contain_text("Of the jobs shown above, 1 stand in it")
        await expect(app).to_contain_text("Place 3: line-1")
        await expect(app).to_contain_text("adf.example:443: 404")
        await expect(app).to_contain_text("batchmgr-job-requests-poison")
        await expect(app).to_contain_text("Unhealthy: jobs can't go on.")
        await expect(app).to_contain_text("a-poison 2")


@pytest.mark.parametrize("missing", ["dead-letters", "details"])
async def test_a_part_that_the_app_does_not_have_says_so_and_the_others_are_shown(
    browser: Browser, missing: str
) -> None:
    api = StandInApi(many_jobs())
    api.missing = {missing}
    async with shown(browser, api) as page:
        app = page.get_by_role("region", name="Operations")
        await expect(app).to_contain_text("Not known: This version of the app does not have that.")
        await expect(app).to_contain_text("Place 3: line-1")
        await expect(page.locator("#job-groups tr.item")).to_have_count(52)
