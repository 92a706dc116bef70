"""An app that does not have all routes: what is missing is said, and the rest works."""

import pytest
from playwright.async_api import Browser, expect

from tests.dashboard.browser import shown
from tests.dashboard.sample_jobs import SampleJob
from tests.dashboard.stand_in_api import StandInApi

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.browser]


async def test_without_a_timeline_the_tasks_are_those_of_azure_batch_as_far_as_one_page_goes(
    browser: Browser,
) -> None:
    api = StandInApi([SampleJob(job_id="job-1", size=1500, failed=3, state="partial")])
    api.missing = {"timeline"}
    async with shown(browser, api, "?job=job-1&state=failed") as page:
        said = page.get_by_text("tasks shown.")
        await expect(said).to_contain_text(
            "2 of 1,000 tasks shown. 500 tasks of this job are not in this list"
        )
        await expect(said).to_contain_text(
            "The timeline is not known: This version of the app does not have that."
        )
        await expect(page.get_by_role("region", name="Timeline")).to_be_visible()


async def test_without_groups_of_failures_their_number_is_said(browser: Browser) -> None:
    api = StandInApi([SampleJob(job_id="job-1", size=400, failed=3, state="partial")])
    api.missing = {"failures", "result"}
    async with shown(browser, api, "?job=job-1") as page:
        await expect(page.get_by_role("region", name="Failures")).to_contain_text(
            "3 tasks failed. Groups of failures are not known: This version of the app does not have that."
        )
        await expect(page.get_by_text("400 of 400 tasks shown.")).to_be_visible()


async def test_without_any_tasks_the_job_is_shown(browser: Browser) -> None:
    api = StandInApi([SampleJob(job_id="job-1", size=400, failed=3, state="partial")])
    api.missing = {"timeline", "tasks"}
    async with shown(browser, api, "?job=job-1") as page:
        await expect(page.get_by_text("The tasks are not known: This version of the app")).to_be_visible()
        await expect(page.get_by_text("400 of 400 tasks have ended: 3 failed.")).to_be_visible()


async def test_tasks_that_run_are_read_from_azure_batch_if_the_timeline_knows_of_ends_only(
    browser: Browser,
) -> None:
    api = StandInApi([SampleJob(job_id="job-1", size=400, ended=100)])
    api.knows_ends_only = True
    async with shown(browser, api, "?job=job-1&state=running") as page:
        await expect(
            page.get_by_text("16 of 116 tasks shown. 284 tasks of this job are not in")
        ).to_be_visible()
        await page.get_by_role("link", name="count-110").first.click()
        await expect(page.get_by_role("complementary", name="Task")).to_contain_text("running")
