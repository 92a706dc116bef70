"""What axe finds: too little contrast, elements without names, and what a keyboard can't reach."""

import os
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.dashboard.browser import DESKTOP, PHONE, shown
from tests.dashboard.sample_jobs import SampleJob
from tests.dashboard.stand_in_api import StandInApi

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.browser]

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
LOOKS = [
    pytest.param(DESKTOP, False, id="light"),
    pytest.param(DESKTOP, True, id="dark"),
    pytest.param(PHONE, False, id="phone"),
]


@pytest.fixture(scope="session")
def axe() -> str:
    if AXE.exists():
        return AXE.read_text()
    if os.environ.get("CI"):
        pytest.fail("axe-core is missing: make install")
    pytest.skip("axe-core is missing: make install")


async def violations(page: Page, axe: str) -> list[str]:
    await page.evaluate(axe)
    found = await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


def sample_api() -> StandInApi:
    waits = {"code": "PoolHasNoNodes", "reason": "none", "advice": "resize", "since": "2026-11-28T12:00:00Z"}
    api = StandInApi(
        [
            SampleJob(job_id="bad-1", size=400, failed=7, state="partial", more={"waitingFor": waits}),
            SampleJob(job_id="live-1", size=400, ended=200),
        ]
    )
    api.files = {"stderr.txt": b"oh no\n"}
    api.letters = [
        {"id": "a", "kind": "message", "time": "2026-11-28T12:00:00Z", "reason": "no JSON", "queue": "q"}
    ]
    return api


@pytest.mark.parametrize(("size", "dark"), LOOKS)
async def test_a_job_with_a_task_beside_it_is_accessible(
    browser: Browser, axe: str, size: tuple[int, int], dark: bool
) -> None:
    async with shown(
        browser, sample_api(), "?job=bad-1&state=failed&task=count-50", size=size, dark=dark
    ) as page:
        await expect(page.get_by_role("region", name="Log")).to_contain_text("oh no")
        await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert await violations(page, axe) == []


@pytest.mark.parametrize("dark", [False, True])
async def test_the_list_of_jobs_and_the_dialogs_are_accessible(
    browser: Browser, axe: str, dark: bool
) -> None:
    async with shown(browser, sample_api(), dark=dark) as page:
        await expect(page.get_by_role("link", name="live-1")).to_be_visible()
        await expect(page.get_by_text("no JSON")).to_be_visible()
        assert await violations(page, axe) == []
        for name in ("Key", "Help: keys of the keyboard"):
            await page.get_by_role("button", name=name, exact=True).click()
            await expect(page.get_by_role("dialog")).to_be_visible()
            assert await violations(page, axe) == []
            await page.keyboard.press("Escape")


async def test_nothing_is_wider_than_a_phone(browser: Browser) -> None:
    async with shown(browser, sample_api(), "?job=bad-1", size=PHONE) as page:
        await expect(page.get_by_text("400 of 400 tasks shown.")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        await page.goto(page.url.partition("?")[0])
        await expect(page.get_by_role("link", name="live-1")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


async def test_the_list_of_jobs_does_not_break_short_ids_on_a_phone(browser: Browser) -> None:
    job = SampleJob(job_id="kmers-barley", size=4000, ended=2500, failed=3, state="partial")
    async with shown(browser, StandInApi([job]), size=PHONE) as page:
        link = page.get_by_role("link", name="kmers-barley")
        assert await link.evaluate("(one) => one.getClientRects().length") == 1
