"""The log of a task: its end first, followed by byte ranges, and whole as a download."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.dashboard.browser import shown
from tests.dashboard.sample_jobs import SampleJob
from tests.dashboard.stand_in_api import StandInApi

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.browser]

LINE = "línea {}: ありがとう\n"
FILE = "jobs/job-1/tasks/count-10/files/stdout.txt"
QUERY = "?job=job-1&task=count-10&file=stdout.txt"


def api_with(content: bytes, ended: int = 5) -> StandInApi:
    api = StandInApi([SampleJob(job_id="job-1", size=40, ended=ended)])
    api.files = {"stdout.txt": content, "stderr.txt": b""}
    return api


async def test_a_log_is_followed_while_the_task_runs_and_sticks_to_its_end(browser: Browser) -> None:
    api = api_with("".join(LINE.format(n) for n in range(2000)).encode())
    async with shown(browser, api, QUERY) as page:
        log = page.get_by_role("region", name="Log")
        await expect(log).to_contain_text("línea 1999: ありがとう")
        await expect(page.get_by_role("complementary")).to_contain_text(
            "its last 1,000 lines, read from the node"
        )
        lines = (await log.text_content() or "").splitlines()
        assert lines == [LINE.format(n).rstrip() for n in range(1000, 2000)]
        at_end = "(one) => one.scrollTop + one.clientHeight >= one.scrollHeight - 2"
        assert await log.evaluate(at_end)
        whole = LINE.format("новая").encode()
        for part in (whole[:2], whole[2:]):  # the first ends in the middle of a letter
            api.files["stdout.txt"] += part
            asked = len(api.asked)
            await page.keyboard.press("r")
            await api.until(lambda: FILE in api.asked[asked:])  # noqa: B023
        await expect(log).to_contain_text("línea новая: ありがとう")
        assert await log.evaluate(at_end)
        await log.evaluate("(one) => { one.scrollTop = 100; one.dispatchEvent(new Event('scroll')); }")
        api.files["stdout.txt"] += b"the last\n"
        await page.keyboard.press("r")
        await expect(log).to_contain_text("the last")
        assert await log.evaluate("(one) => one.scrollTop") == 100


async def test_only_the_end_of_a_large_file_is_read_and_all_of_it_downloaded(
    browser: Browser, tmp_path: Path
) -> None:
    content = b"".join(b"%09d\n" % n for n in range(600_000))
    api = api_with(content, ended=40)
    api.source = "storage"
    async with shown(browser, api, QUERY) as page:
        panel = page.get_by_role("complementary")
        await expect(panel.get_by_role("region", name="Log")).to_contain_text("000599999")
        await expect(panel).to_contain_text(
            "stdout.txt, 5.7 MiB: its last 1,000 lines, the copy that was kept in storage."
        )
        async with page.expect_download() as waiting:
            await panel.get_by_role("button", name="Download").click()
        download = await waiting.value
        assert download.suggested_filename == "count-10-stdout.txt"
        await download.save_as(tmp_path / "stdout.txt")
    assert (tmp_path / "stdout.txt").read_bytes() == content


async def test_a_file_that_is_gone_is_told_with_the_reason_and_the_task_is_shown_all_the_same(
    browser: Browser,
) -> None:
    api = api_with(b"x\n", ended=40)
    async with shown(browser, api, "?job=job-1&task=count-10&file=stdout.txt") as page:
        panel = page.get_by_role("complementary")
        await expect(panel.get_by_role("region", name="Log")).to_have_text("x\n")
        files = api.files
        api.files = {}
        await page.goto(f"{api.url}/dashboard?job=job-1&task=count-11")
        await expect(panel).to_contain_text("The task has left no files.")
        api.files = {"gone.txt": b""} | files
        await page.goto(f"{api.url}/dashboard?job=job-1&task=count-12&file=gone.txt")
        await expect(panel).to_contain_text("gone.txt is empty.")
        await expect(panel.get_by_role("heading", name="count-12")).to_be_visible()


async def test_an_app_without_files_says_so(browser: Browser) -> None:
    api = api_with(b"x\n")
    api.missing = {"files"}
    async with shown(browser, api, QUERY) as page:
        await expect(page.get_by_role("complementary")).to_contain_text(
            "This version of the app does not have that."
        )
        await expect(page.get_by_role("complementary")).to_contain_text("tvmps_")
