"""The dashboard of the running stack, in a browser: a job from its first task to its end."""

from pathlib import Path

from playwright.async_api import expect

from tests.dashboard.browser import chromium, opened_page, started_browser
from tests.integration.client import Client
from tests.integration.messages import gated, job, task

WITHIN_MS = 60_000


async def test_a_job_is_followed_to_its_end_and_says_what_failed(
    client: Client, job_id: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    bad = task("bad", "echo oh no >&2; exit 3")
    async with started_browser(chromium()) as browser, opened_page(browser) as page:
        await client.post("/jobs", job(job_id, bad, gated("good", gate)))
        await page.goto(f"{client.address}/api/dashboard?q={job_id}")
        await page.get_by_role("link", name=job_id, exact=True).click(timeout=WITHIN_MS)
        words = page.get_by_role("region", name="Job")
        await expect(words).to_contain_text("3 tasks have ended: 1 failed", timeout=WITHIN_MS)
        gate.touch()
        await expect(words).to_contain_text("Partly succeeded", timeout=WITHIN_MS)
        await expect(words).to_contain_text("3 of 3 tasks have ended: 1 failed.")
        await page.get_by_role("combobox", name="State").select_option("failed")
        await page.get_by_role("region", name="Table of tasks").get_by_role("link", name="bad").click()
        await expect(page.get_by_role("complementary", name="Task")).to_contain_text("FailureExitCode")
        await page.get_by_role("button", name="Run again what failed …").click()
        await page.get_by_role("dialog").get_by_role("button", name="Run again").click()
        await expect(page.get_by_role("link", name=f"{job_id}-rerun-1")).to_be_visible(timeout=WITHIN_MS)


async def test_health_of_the_running_stack_is_shown(client: Client) -> None:
    async with started_browser(chromium()) as browser, opened_page(browser) as page:
        await page.goto(f"{client.address}/api/dashboard")
        operations = page.get_by_role("region", name="Operations")
        await expect(operations).to_contain_text(
            "Healthy: storage and Azure Batch answer.", timeout=WITHIN_MS
        )
        await expect(operations.get_by_role("heading", name="Dead letters")).to_be_visible()
