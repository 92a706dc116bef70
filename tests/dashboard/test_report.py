"""A report: the same page with its data inside, which asks nobody. And texts that mean harm, in both."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from batchmgr.dashboard.page import report_page
from tests.dashboard.browser import opened_page, shown
from tests.dashboard.sample_jobs import Json, SampleJob
from tests.dashboard.stand_in_api import StandInApi

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.browser]

HOSTILE = "</script><img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


def report_of(job: SampleJob) -> Json:
    path = f"jobs/{job.job_id}"
    parts = {f"{path}/{name}": getattr(job, name)() for name in ("timeline", "failures", "result")}
    task = {f"{path}/tasks/count-500": job.task("count-500")}
    return {
        "jobId": job.job_id,
        "madeAt": "2026-11-28T12:00:00Z",
        "answers": {path: job.answer(), **parts, **task},
    }


async def opened_report(page: Page, folder: Path, data: Json) -> list[str]:
    """Open a report as a file. Give the list to which what it asks for is added."""
    (folder / "job.html").write_text(report_page(data), encoding="utf-8")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(f"file://{folder}/job.html")
    return asked


async def test_a_report_shows_the_job_from_a_file_and_asks_nobody(browser: Browser, tmp_path: Path) -> None:
    async with opened_page(browser) as page:
        data = report_of(SampleJob(job_id="kmers-1", size=4000, failed=7, state="partial", nodes=8))
        asked = await opened_report(page, tmp_path, data)
        await expect(page.get_by_text("4,000 of 4,000 tasks have ended: 7 failed.")).to_be_visible()
        await expect(page.locator("#as-of")).to_contain_text("Report, as of ")
        await expect(page.get_by_role("article").first).to_contain_text("6 tasks: ValueError")
        await expect(page.get_by_role("region", name="Timeline")).to_be_visible()
        await expect(page.get_by_role("button", name="Refresh")).to_be_hidden()
        await expect(page.get_by_role("button", name="Run again what failed …")).to_be_hidden()
        await page.get_by_role("combobox", name="State").select_option("failed")
        await expect(page.get_by_text("7 of 4,000 tasks shown.")).to_be_visible()
        await page.get_by_role("article").first.get_by_role("link", name="count-500").click()
        panel = page.get_by_role("complementary", name="Task")
        await expect(panel).to_contain_text("raise ValueError")
        await expect(panel).to_contain_text("Files of tasks are not in a report.")
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def hostile(value: Any) -> Any:
    """The same answer with harmful texts wherever a caller, a task or a node may have a say."""
    if isinstance(value, dict):
        return {name: hostile(one) for name, one in value.items()}
    if isinstance(value, list):
        return [hostile(one) for one in value]
    kept = ("running", "succeeded", "failed", "partial", "pending", "jobs/", "http", "20", "evil")
    return value if not isinstance(value, str) or value.startswith(kept) else HOSTILE + value


async def test_texts_that_mean_harm_are_texts_in_a_report(browser: Browser, tmp_path: Path) -> None:
    async with opened_page(browser) as page:
        data = report_of(SampleJob(job_id="evil", size=600, failed=7, state="partial"))
        await opened_report(page, tmp_path, {**data, "answers": hostile(data["answers"])})
        await expect(page.get_by_text("600 of 600 tasks have ended: 7 failed.")).to_be_visible()
        await expect(page.get_by_role("article").first).to_contain_text(f"6 tasks: {HOSTILE}ValueError")
        assert await page.locator("img").count() == 0
        assert "owned" not in (await page.title()).partition("·")[0]


async def test_texts_that_mean_harm_are_texts_in_the_dashboard(browser: Browser) -> None:
    more = {
        "workload": HOSTILE,
        "metadata": {HOSTILE: HOSTILE},
        "error": {"code": HOSTILE, "message": HOSTILE},
    }
    waits = {"code": HOSTILE, "reason": HOSTILE, "advice": HOSTILE, "since": HOSTILE}
    job = SampleJob(job_id="evil", size=600, failed=7, state="partial", more={**more, "waitingFor": waits})
    api = StandInApi([job])
    api.files = {HOSTILE.replace("/", "_"): HOSTILE.encode()}
    api.letters = [
        {"id": "a", "kind": "message", "time": "2026-11-28T12:00:00Z", "reason": HOSTILE, "queue": HOSTILE}
    ]
    async with shown(browser, api, "?job=evil&task=count-75") as page:
        await expect(page.get_by_role("region", name="Log")).to_contain_text(HOSTILE)
        await expect(page.get_by_role("region", name="Job")).to_contain_text(f"It waits: {HOSTILE}")
        await page.goto(f"{api.url}/dashboard?q={HOSTILE}")
        await expect(page.get_by_role("region", name="Operations")).to_contain_text(HOSTILE)
        assert await page.locator("img").count() == 0
        assert await page.title() == "Jobs · batchmgr"
