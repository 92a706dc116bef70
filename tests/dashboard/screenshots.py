"""Writes docs/images/dashboard-*.png: the pages of the documents, made of sample jobs. `make screenshots`"""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from tests.dashboard.browser import DESKTOP, PHONE, chromium, opened_page, started_browser
from tests.dashboard.sample_jobs import SampleJob
from tests.dashboard.stand_in_api import StandInApi

IMAGES = Path(__file__).parents[2] / "docs" / "images"
MORNING = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)
NOON = datetime(2026, 11, 28, 10, 0, tzinfo=UTC)
LOG = "reading chr7.fa, 159,345,973 letters\ncounting 21-mers …\nchr7: letter 'X' is no base\n"


def sample_api() -> StandInApi:
    """4,000 tasks of which 7 have failed, a job that runs, one in the line, and some that are done."""
    error = {
        "code": "ValueError",
        "message": "7 of 4,000 tasks failed. count-500: chr7: letter 'X' is no base",
    }
    delivered = {"state": "delivered", "attempts": 1}
    waits = {"code": "ActiveJobAndScheduleQuotaReached", "since": "2026-11-28T09:58:00Z", "place": 1}
    number = count()
    quota = {**waits, "reason": "100 of 100 jobs are active", "advice": "wait, or have the quota raised"}

    def sample(job_id: str, size: int, state: str, **values: object) -> SampleJob:
        sent = MORNING - timedelta(minutes=7 * next(number))
        return SampleJob(job_id=job_id, size=size, state=state, created_at=sent, **values)  # type: ignore[arg-type]

    api = StandInApi(
        [
            sample(
                "kmers-wheat",
                4000,
                "partial",
                failed=7,
                nodes=16,
                more={"error": error, "callback": delivered},
            ),
            sample("kmers-barley", 4000, "running", ended=2500, failed=3, nodes=16),
            sample("kmers-oats", 0, "submitting", more={"total": 0, "waitingFor": quota}),
            sample("kmers-rye", 800, "succeeded", nodes=8, more={"callback": delivered}),
            sample("kmers-test", 10, "succeeded"),
        ]
    )
    api.files = {"stdout.txt": b"", "stderr.txt": LOG.encode()}
    return api


async def write(page: Page, name: str) -> None:
    await page.evaluate("document.fonts.ready")
    await page.screenshot(path=IMAGES / f"dashboard-{name}.png", animations="disabled")


async def take(browser: Browser, url: str) -> None:
    """Take all pictures."""
    for name, size, dark in (("job", DESKTOP, False), ("dark", DESKTOP, True), ("phone", PHONE, False)):
        async with opened_page(browser, size=size, dark=dark, fresh=True) as page:
            await page.clock.set_fixed_time(NOON)
            await page.goto(f"{url}?job=kmers-wheat")
            await expect(page.get_by_role("article").first).to_be_visible()
            await write(page, name)
            if name == "job":
                await page.get_by_role("region", name="Timeline").evaluate("(one) => one.scrollIntoView()")
                await write(page, "timeline")
    async with opened_page(browser, fresh=True) as page:
        await page.clock.set_fixed_time(NOON)
        await page.goto(url)
        await expect(page.get_by_role("link", name="kmers-rye")).to_be_visible()
        await expect(page.get_by_text("Place 1")).to_be_visible()
        await write(page, "list")
        await page.goto(f"{url}?job=kmers-wheat&state=failed&task=count-500")
        await expect(page.get_by_role("region", name="Log")).to_contain_text("no base")
        await page.get_by_role("region", name="Tasks", exact=True).evaluate("(one) => one.scrollIntoView()")
        await write(page, "task")


async def main() -> None:
    """Serve the sample jobs, and take the pictures."""
    IMAGES.mkdir(exist_ok=True)
    async with sample_api().served() as url, started_browser(chromium()) as browser:
        await take(browser, url)


if __name__ == "__main__":
    asyncio.run(main())
