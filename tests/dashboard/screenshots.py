"""Writes docs/images/dashboard-*.png: the pages of the documents, made of sample jobs. `make screenshots`"""

import asyncio
import io
import json
import re
import shlex
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.async_api import Browser, Page, expect

from batchmgr.cli import main as batchmgr
from tests.dashboard.browser import DESKTOP, PHONE, chromium, opened_page, started_browser
from tests.dashboard.sample_jobs import SampleJob
from tests.dashboard.stand_in_api import StandInApi

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
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
    wheat = api.jobs["kmers-wheat"]
    starts, ends = wheat.runs["start"], wheat.runs["end"]
    hours = sum(end - start for start, end in zip(starts, ends, strict=True)) / 4 / 3600
    waits = {"kind": "count", "tasks": 4000, "failed": 7, "meanWaitSeconds": sum(starts) / 4000}
    wheat.usage = {"tasks": 4000, "nodeHoursUsed": {"dedicated": round(hours, 4)}, "kinds": [waits]}
    api.files = {"stdout.txt": b"", "stderr.txt": LOG.encode()}
    return api


async def write(page: Page, name: str) -> None:
    await page.evaluate("document.fonts.ready")
    await page.screenshot(path=IMAGES / f"dashboard-{name}.png", animations="disabled")


def simulated(*arguments: str) -> str:
    """What `batchmgr simulate` prints as JSON."""
    with redirect_stdout(io.StringIO()) as printed:
        assert batchmgr(["simulate", *arguments, "-o", "json"]) == 0
    return printed.getvalue()


def simulations(folder: Path, api: StandInApi) -> tuple[Path, Path]:
    """Write a simulation of the command of the documents, and one of a job on its own pool."""
    shown = re.search(r"```console\n\$ batchmgr simulate (.*)\n", (ROOT / "docs" / "simulate.md").read_text())
    assert shown is not None
    timeline, pools, prediction = (folder / name for name in ("timeline.json", "pools.json", "job.json"))
    timeline.write_text(json.dumps(api.jobs["kmers-wheat"].timeline()))
    pools.write_text(simulated(*shlex.split(shown[1])))
    prediction.write_text(simulated("--like", str(timeline), "--runs", "20"))
    return pools, prediction


async def choose(page: Page, file: Path) -> None:
    """Open a simulation."""
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Open a simulation …").click()
    await (await chooser.value).set_files(file)


async def take_predictions(browser: Browser, url: str, pools: Path, prediction: Path) -> None:
    """Take the pictures of simulations."""
    width, height = DESKTOP
    async with opened_page(browser, size=(width, height + 500), fresh=True) as page:
        await page.goto(f"{url}?view=simulation")
        await choose(page, pools)
        await expect(page.get_by_role("article")).to_have_count(4)
        await write(page, "simulation")
    async with opened_page(browser, fresh=True) as page:
        await page.clock.set_fixed_time(NOON)
        await page.goto(f"{url}?job=kmers-wheat")
        await choose(page, prediction)
        section = page.get_by_role("region", name="Predicted and real", exact=True)
        await expect(section.get_by_role("img")).to_have_count(2)
        await section.evaluate("(one) => one.scrollIntoView()")
        await write(page, "predicted")


async def take(browser: Browser, url: str) -> None:
    """Take the pictures of jobs."""
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
    api = sample_api()
    with TemporaryDirectory() as folder:
        pools, prediction = simulations(Path(folder), api)
        async with api.served() as url, started_browser(chromium()) as browser:
            await take(browser, url)
            await take_predictions(browser, url, pools, prediction)


if __name__ == "__main__":
    asyncio.run(main())
