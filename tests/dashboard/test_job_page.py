"""What the page says of a job, and what can be done with it."""

import json
from datetime import UTC, datetime

import pytest
from playwright.async_api import Browser, expect

from tests.client.stand_in_app import USAGE
from tests.dashboard.browser import shown
from tests.dashboard.sample_jobs import SampleJob
from tests.dashboard.stand_in_api import StandInApi

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.browser]

SINCE = "2026-11-28T12:00:00Z"


def failed_job() -> SampleJob:
    return SampleJob(job_id="kmers-1", size=4000, failed=7, state="partial", nodes=16)


async def test_a_newcomer_finds_why_7_of_4000_tasks_failed_with_three_clicks(browser: Browser) -> None:
    api = StandInApi([failed_job(), SampleJob(job_id="other", size=10, state="succeeded")])
    api.files = {"stdout.txt": b"", "stderr.txt": b"reading chr7.fa\nchr7: letter 'X' is no base\n"}
    async with shown(browser, api) as page:
        await expect(page.get_by_role("row").filter(has_text="kmers-1")).to_contain_text("7 failed")
        await page.get_by_role("link", name="kmers-1").click()
        await expect(page.get_by_text("7 tasks failed, for 2 reasons.")).to_be_visible()
        groups = page.get_by_role("article")
        await expect(groups.first).to_contain_text("6 tasks: ValueError")
        await expect(groups.first).to_contain_text("letter 'X' is no base")
        await expect(groups.first.get_by_text("raise ValueError")).to_be_visible()
        await expect(groups.nth(1)).to_contain_text("1 task: FailureExitCode")
        await groups.first.get_by_role("link", name="count-500").click()
        panel = page.get_by_role("complementary", name="Task")
        await expect(panel.get_by_role("region", name="Log")).to_contain_text("chr7: letter 'X' is no base")
        await expect(panel).to_contain_text("Who has to act: the author of the task.")
        await expect(page.get_by_text("6 of 4,000 tasks shown.")).to_be_visible()


async def test_a_job_says_in_words_how_it_stands_and_when_it_may_end_and_why(browser: Browser) -> None:
    callback = {"state": "pending", "attempts": 2, "lastError": "503", "nextAttemptAt": SINCE}
    job = SampleJob(job_id="live", size=4000, ended=2500, failed=3, nodes=16, more={"callback": callback})
    async with shown(browser, StandInApi([job]), "?job=live") as page:
        summary = page.get_by_role("region", name="Job")
        await expect(summary).to_contain_text(
            "2,500 of 4,000 tasks have ended: 3 failed, 64 run, 1,436 wait."
        )
        await expect(
            page.get_by_role("img", name="3 failed, 2,497 succeeded, 64 running, 1,436 waiting")
        ).to_be_visible()
        await expect(summary).to_contain_text("2,500 tasks took 24 s each; 64 run, 1,436 are to come")
        await expect(summary).to_contain_text("to be sent again, after 2 attempts, at")
        await expect(page).to_have_title("3 failed · Running · live · batchmgr")


@pytest.mark.parametrize(
    ("ended", "said"), [(0, "unknown until some tasks have ended"), (100, "soon: all tasks have ended")]
)
async def test_nobody_guesses_when_a_job_ends(browser: Browser, ended: int, said: str) -> None:
    api = StandInApi([SampleJob(job_id="live", size=100, ended=ended)])
    async with shown(browser, api, "?job=live") as page:
        await expect(page.get_by_role("region", name="Job")).to_contain_text(said)


async def test_why_a_job_waits_is_said_with_its_place_and_what_to_do(browser: Browser) -> None:
    waits = {
        "code": "ActiveJobAndScheduleQuotaReached",
        "reason": "100 of 100 jobs are active",
        "since": SINCE,
    }
    more = {"total": 0, "waitingFor": {**waits, "advice": "wait, or raise the quota", "place": 3}}
    api = StandInApi([SampleJob(job_id="line-1", state="submitting", size=0, more=more)])
    async with shown(browser, api, "?job=line-1") as page:
        summary = page.get_by_role("region", name="Job")
        await expect(summary).to_contain_text(
            "It waits: ActiveJobAndScheduleQuotaReached, place 3 in the line"
        )
        await expect(summary).to_contain_text("What to do: wait, or raise the quota")
        await expect(summary).to_contain_text("Its tasks are not in Azure Batch yet.")


async def test_a_job_that_is_not_there_is_said_to_be_gone(browser: Browser) -> None:
    async with shown(browser, StandInApi(), "?job=none") as page:
        await expect(page.get_by_text("There is no job none. It may be deleted.")).to_be_visible()


async def test_nothing_is_cancelled_before_the_user_agrees_to_the_number_of_tasks(browser: Browser) -> None:
    api = StandInApi([SampleJob(job_id="live", size=100, ended=50)])
    async with shown(browser, api, "?job=live") as page:
        await page.get_by_role("button", name="Cancel …").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text(
            "16 tasks that run now will be ended, and 34 tasks that wait will not run"
        )
        await dialog.get_by_role("button", name="Do nothing").click()
        await expect(dialog).to_be_hidden()
        assert api.posted == []
        await page.get_by_role("button", name="Cancel …").click()
        await dialog.get_by_role("button", name="Cancel the job").click()
        await expect(page.get_by_role("region", name="Job")).to_contain_text("Cancelled")
        assert api.posted == [("POST", "live/cancel", "")]


async def test_a_rerun_of_what_failed_leads_to_the_new_job(browser: Browser) -> None:
    api = StandInApi([failed_job()])
    async with shown(browser, api, "?job=kmers-1") as page:
        await page.get_by_role("button", name="Run again what failed …").click()
        await expect(page.get_by_role("dialog")).to_contain_text("runs the 7 tasks that have not succeeded")
        await page.get_by_role("dialog").get_by_role("button", name="Run again").click()
        await page.get_by_role("link", name="kmers-1-rerun-1").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("kmers-1-rerun-1")
        assert [(path, json.loads(body)) for _, path, body in api.posted] == [
            ("kmers-1/rerun", {"tasks": "failed"})
        ]


async def test_only_a_callback_that_was_given_up_can_be_sent_again(browser: Browser) -> None:
    dead = {"callback": {"state": "dead", "attempts": 10, "lastError": "404"}}
    api = StandInApi(
        [
            SampleJob(job_id="dead", size=5, state="succeeded", more=dead),
            SampleJob(
                job_id="fine",
                size=5,
                state="succeeded",
                more={"callback": {"state": "delivered", "attempts": 1}},
            ),
        ]
    )
    async with shown(browser, api, "?job=fine") as page:
        await expect(page.get_by_text("5 of 5 tasks have ended: none failed.")).to_be_visible()
        await expect(page.get_by_role("group", name="Actions").get_by_role("button")).to_have_count(0)
        await page.goto(f"{api.url}/dashboard?job=dead")
        await expect(page.get_by_text("given up after 10 attempts: 404")).to_be_visible()
        await page.get_by_role("button", name="Send again what was given up …").click()
        await page.get_by_role("dialog").get_by_role("button", name="Send again").click()
        await expect(page.get_by_text("It is being sent.")).to_be_visible()
        assert api.posted == [("POST", "dead/redrive", "")]


@pytest.mark.parametrize("query", ["?job=..", "?job=kmers-1&task=.."])
async def test_no_name_in_a_link_leads_to_another_route(browser: Browser, query: str) -> None:
    api = StandInApi([failed_job()])
    async with shown(browser, api, query) as page:
        await expect(page.get_by_text("There is no such name.").first).to_be_visible()
        assert all(path.startswith("jobs/kmers-1") and ".." not in path for path in api.asked)


async def test_a_result_is_opened_by_a_link_that_is_signed_for_minutes(browser: Browser) -> None:
    api = StandInApi([SampleJob(job_id="done", size=5, state="succeeded")])
    async with shown(browser, api, "?job=done") as page:
        await page.get_by_role("button", name="out/kmers.csv").click()
        await expect(page.get_by_text("out/kmers.csv: the link holds until")).to_be_visible()
        assert "jobs/done/results/out/kmers.csv" in api.asked


async def test_run_times_are_told_by_kind_and_the_slowest_tasks_by_name(browser: Browser) -> None:
    async with shown(browser, StandInApi([failed_job()]), "?job=kmers-1") as page:
        section = page.get_by_role("region", name="Run times", exact=True)
        await expect(section.get_by_role("row")).to_have_count(3)
        await expect(section.get_by_role("row").nth(1)).to_contain_text("count3,920")
        await expect(section.get_by_role("listitem")).to_have_count(10)


async def test_times_are_shown_in_utc_or_in_the_local_zone_and_always_with_it(browser: Browser) -> None:
    api = StandInApi([SampleJob(job_id="done", size=50, state="succeeded")])
    async with shown(browser, api, "?job=done") as page:
        over = page.get_by_role("region", name="Over time")
        await expect(over).to_contain_text("Times in UTC.")
        await expect(page.locator("#as-of")).to_contain_text(" UTC")
        await page.get_by_role("button", name="Times: UTC").click()
        await expect(over).to_contain_text("Times in Asia/Tokyo.")
        await expect(page.locator("#as-of")).to_contain_text("GMT+9")
        await expect(page.get_by_role("region", name="Job")).to_contain_text("GMT+9")


async def test_usage_and_cost_are_shown_by_kind(browser: Browser) -> None:
    api = StandInApi([SampleJob(job_id="done", size=5, state="succeeded")])
    async with shown(browser, api, "?job=done") as page:
        await expect(page.get_by_text("5 of 5 tasks have ended")).to_be_visible()
        await expect(page.get_by_role("heading", name="Usage and cost")).to_be_hidden()
        api.jobs["done"].usage = USAGE
        await page.keyboard.press("r")
        usage = page.get_by_role("region", name="Usage", exact=True)
        await expect(usage.get_by_role("row").nth(1)).to_have_text("count60110 h15 min 12 s41 s2")
        await expect(usage).to_contain_text("Node hours used2.51 dedicated")
        await expect(usage).to_contain_text(
            "0.60 EUR while tasks ran, and 0.12 EUR while nodes were idle (westeurope, prices of 2026-11-01)"
        )


async def test_the_time_that_a_job_takes_goes_on(browser: Browser) -> None:
    async with shown(browser, StandInApi([SampleJob(job_id="live", size=50, ended=20)]), "?job=live") as page:
        summary = page.get_by_role("region", name="Job")
        await expect(summary).to_contain_text("Elapsed1 h")
        await page.evaluate("Date.now = ((now) => () => now() + 3_600_000)(Date.now)")
        await expect(summary).to_contain_text("Elapsed2 h")


async def test_the_times_of_a_job_that_takes_days_are_shown_with_the_day(browser: Browser) -> None:
    job = SampleJob(job_id="long", size=9000, state="succeeded", nodes=1)
    job.created_at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    async with shown(browser, StandInApi([job]), "?job=long") as page:
        over = page.get_by_role("region", name="Over time")
        await expect(over).to_contain_text("20 Nov 12:00")
        await expect(over).to_contain_text("21 Nov ")


async def test_a_job_says_how_each_of_its_webhooks_is(browser: Browser) -> None:
    hooks = [
        {
            "receiver": "a.example:443",
            "events": ["job.*"],
            "state": "delivered",
            "attempts": 1,
            "delivered": 9,
        },
        {
            "receiver": "b.example:443",
            "events": ["*"],
            "state": "dead",
            "attempts": 10,
            "delivered": 2,
            "lastError": "404",
        },
    ]
    api = StandInApi([SampleJob(job_id="told", size=5, state="succeeded", more={"webhooks": hooks})])
    async with shown(browser, api, "?job=told") as page:
        summary = page.get_by_role("region", name="Job")
        await expect(summary).to_contain_text("a.example:443 (job.*) is told of all so far")
        await expect(summary).to_contain_text("b.example:443 (*) given up after 10 attempts: 404")
        await page.get_by_role("button", name="Send again what was given up …").click()
        await page.get_by_role("dialog").get_by_role("button", name="Send again").click()
        await expect(page.get_by_text("It is being sent.")).to_be_visible()
        assert api.posted == [("POST", "told/redrive", "")]
