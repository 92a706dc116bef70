"""A simulation that is laid over a job: what was predicted, and what really happened."""

import json
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.client.stand_in_app import USAGE
from tests.dashboard.browser import opened_page, shown
from tests.dashboard.sample_jobs import Json, SampleJob
from tests.dashboard.sample_simulations import PRICE, simulation, simulation_of
from tests.dashboard.stand_in_api import StandInApi
from tests.dashboard.test_accessibility import LOOKS, axe, violations
from tests.dashboard.test_report import opened_report, report_of
from tests.dashboard.test_simulation import DROPPED, choose

__all__ = ["axe"]

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.browser]

AT_MOST_MS = 100

TIMED = """() => {
    const select = document.querySelector("[aria-label='Predicted and real'] select");
    const times = [];
    for (let n = 0; n < 6; n += 1) {
        const start = performance.now();
        select.selectedIndex = n % 2;
        select.dispatchEvent(new Event("change"));
        document.body.getBoundingClientRect();
        times.push(performance.now() - start);
    }
    return Math.min(...times);
}"""


def ended_job() -> SampleJob:
    usage = {**USAGE, "nodeHoursUsed": {"dedicated": 0.5}, "nodeHoursIdle": {"dedicated": 0.5}}
    return SampleJob(job_id="kmers-1", size=400, failed=2, state="partial", usage=usage)


def section_of(page: Page) -> Locator:
    return page.get_by_role("region", name="Predicted and real", exact=True)


async def row(page: Page, name: str) -> list[str]:
    """The cells of a row of the figures, after its name."""
    found = section_of(page).get_by_role("row").filter(has_text=name).first
    return (await found.inner_text()).split("\t")[1:]


async def test_a_job_is_held_against_its_prediction_on_its_own_pool(browser: Browser) -> None:
    job = ended_job()
    async with shown(browser, StandInApi([job]), "?job=kmers-1") as page:
        section = section_of(page)
        await expect(section).to_contain_text("batchmgr simulate --like kmers-1 -o json > simulation.json")
        await choose(page, simulation_of(job, off=1.25))
        await expect(section.get_by_role("combobox")).to_have_value("as it was")
        await expect(section).to_contain_text("the prediction is 25 % too high.")
        assert (await row(page, "Makespan"))[2] == "25 % too high; p10–p90 misses it"
        assert await row(page, "Node hours used") == ["0.50", "0.50", "right", "0.50 – 0.50"]
        assert await row(page, "Node hours in all") == ["1.00", "1.00", "right", "1.00 – 1.00"]
        assert (await row(page, "Wait of a task, p50"))[0] == "5.0 s"
        await expect(section).not_to_contain_text("Cost")
        await expect(section.get_by_role("img")).to_have_count(2)
        await section.get_by_text("The same as a table").click()
        over = section.get_by_role("region", name="Predicted and real over time").get_by_role("row")
        assert (await over.nth(1).inner_text()).split("\t") == ["0", "0", "0", "4", "0"]
        last = (await over.nth(13).inner_text()).split("\t")
        assert (last[1], last[2]) == ("400", "")  # the job has ended before


async def test_another_pool_of_the_simulation_can_be_chosen(browser: Browser) -> None:
    job = ended_job()
    async with shown(browser, StandInApi([job]), "?job=kmers-1") as page:
        await choose(page, simulation_of(job))
        await section_of(page).get_by_role("combobox").select_option("8 nodes")
        await expect(section_of(page)).to_contain_text("Predicted on the pool “8 nodes”")
        await expect(section_of(page)).to_contain_text("the prediction is 50 % too low.")
        await section_of(page).get_by_text("The same as a table").click()
        await section_of(page).get_by_role("combobox").select_option("as it was")
        await expect(section_of(page)).to_contain_text("the prediction is right.")
        await expect(section_of(page).get_by_role("row")).to_have_count(6 + 14)


async def test_a_simulation_of_other_jobs_is_held_against_its_best_pool_and_cost(
    browser: Browser,
) -> None:
    job = ended_job()
    async with shown(browser, StandInApi([job]), "?job=kmers-1") as page:
        await choose(page, simulation(price=PRICE))
        section = section_of(page)
        await expect(section.get_by_role("combobox")).to_have_value("16 nodes")
        await expect(section).to_contain_text("The simulation has 60 tasks, and kmers-1 has 400.")
        assert (await row(page, "Cost while tasks ran, EUR"))[:2] == ["0.10", "0.60"]
        await section.get_by_role("combobox").select_option("kills")
        await expect(section).to_contain_text("Predicted on the pool “kills”: it does not end. It took ")
        assert (await row(page, "Makespan"))[0] == "does not end"


async def test_a_pool_with_the_name_of_the_jobs_pool_comes_first(browser: Browser) -> None:
    named = simulation()
    named["variants"][1]["name"] = "hpc"
    async with shown(browser, StandInApi([ended_job()]), "?job=kmers-1") as page:
        await choose(page, named)
        await expect(section_of(page).get_by_role("combobox")).to_have_value("hpc")


async def test_waits_of_a_job_with_dependencies_are_not_compared(browser: Browser) -> None:
    job = ended_job()
    job.usage = {**USAGE, "kinds": [{"kind": "count", "tasks": 400, "taskSeconds": 1.0}]}
    async with shown(browser, StandInApi([job]), "?job=kmers-1") as page:
        await choose(page, simulation_of(job))
        await expect(section_of(page)).to_contain_text("Node hours used")
        await expect(section_of(page)).not_to_contain_text("Wait of a task")


async def test_a_job_that_runs_is_compared_up_to_now_and_goes_on(browser: Browser) -> None:
    job = SampleJob(job_id="live", size=400, ended=100)
    api = StandInApi([job])
    predicted = simulation_of(SampleJob(job_id="other", size=400, state="succeeded"))
    async with shown(browser, api, "?job=live") as page:
        section = section_of(page)
        await expect(section).to_contain_text("batchmgr simulate job.json --like live --nodes 4 -o json")
        await choose(page, predicted)
        await expect(section).to_contain_text("so far.")
        assert (await row(page, "Makespan"))[1].endswith(" so far")
        assert (await row(page, "Makespan"))[2] == ""
        now = await row(page, "Tasks ended by now")
        assert now[1] == "100"
        assert now[2].endswith(("too high", "too low"))
        await expect(section.locator(".legend")).to_contain_text("now")
        await section.get_by_text("The same as a table").click()
        await api.change("live", ended=400, state="succeeded")
        await expect(section).to_contain_text("the prediction is")
        await expect(section.locator(".legend")).not_to_contain_text("now")
        await expect(section.get_by_role("region", name="Predicted and real over time")).to_be_visible()


async def test_a_simulation_of_this_job_is_laid_over_it_wherever_it_was_opened(browser: Browser) -> None:
    job = ended_job()
    api = StandInApi([job, SampleJob(job_id="other", size=10, state="succeeded")])
    async with shown(browser, api) as page:
        await page.evaluate(DROPPED, ["a.json", json.dumps(simulation_of(job, guesses=("merge waits",)))])
        await expect(section_of(page)).to_contain_text("the prediction is right.")
        await expect(section_of(page)).to_contain_text("Guessed: merge waits.")
        await section_of(page).get_by_role("link", name="kmers-1").click()
        await expect(page.get_by_role("region", name="Job", exact=True)).to_be_visible()
        await expect(section_of(page).get_by_role("combobox")).to_have_value("as it was")
        await page.get_by_role("link", name="← All jobs").click()
        await page.get_by_role("link", name="other").click()
        await expect(section_of(page)).to_contain_text("batchmgr simulate --like other")


async def test_another_file_dropped_on_a_job_is_refused_beside_it(browser: Browser) -> None:
    async with shown(browser, StandInApi([ended_job()]), "?job=kmers-1") as page:
        await expect(section_of(page)).to_be_visible()
        await page.evaluate(DROPPED, ["notes.txt", "hello"])
        await expect(section_of(page).get_by_role("alert")).to_contain_text("notes.txt is not JSON")
        assert "job=kmers-1" in page.url


def with_prediction(job: SampleJob) -> Json:
    return {**report_of(job), "prediction": simulation_of(job)}


async def test_a_report_has_the_prediction_inside_and_none_without(browser: Browser, tmp_path: Path) -> None:
    job = ended_job()
    async with opened_page(browser) as page:
        asked = await opened_report(page, tmp_path, with_prediction(job))
        await expect(section_of(page)).to_contain_text("the prediction is right.")
        await expect(section_of(page).get_by_role("img")).to_have_count(2)
        await expect(page.get_by_role("button", name="Open a simulation …")).to_be_hidden()
        await opened_report(page, tmp_path, report_of(job))
        await expect(page.get_by_role("region", name="Over time", exact=True)).to_be_visible()
        await expect(section_of(page)).to_be_hidden()
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


async def test_a_prediction_is_drawn_quickly_over_10000_tasks(browser: Browser) -> None:
    """The best of six counts: the others say how busy the machine is."""
    job = SampleJob(job_id="large", size=10_000, failed=20, state="partial", nodes=50)
    async with shown(browser, StandInApi([job]), "?job=large") as page:
        await choose(page, simulation_of(job))
        await expect(section_of(page).get_by_role("img")).to_have_count(2)
        assert await page.evaluate(TIMED) <= AT_MOST_MS


@pytest.mark.parametrize(("size", "dark"), LOOKS)
async def test_a_prediction_is_accessible_and_fits(
    browser: Browser, axe: str, size: tuple[int, int], dark: bool
) -> None:
    job = ended_job()
    async with shown(browser, StandInApi([job]), "?job=kmers-1", size=size, dark=dark) as page:
        await choose(page, simulation_of(job))
        await expect(section_of(page).get_by_role("img")).to_have_count(2)
        await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert await violations(page, axe) == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= size[0]
