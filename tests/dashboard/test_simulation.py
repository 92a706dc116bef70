"""A simulation in the dashboard, from the file that `batchmgr simulate -o json` wrote, which stays there."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, FilePayload, Page, expect

from batchmgr.cli import main
from tests.dashboard.browser import opened_page, shown
from tests.dashboard.sample_jobs import Json
from tests.dashboard.sample_simulations import PRICE, simulation
from tests.dashboard.stand_in_api import StandInApi
from tests.dashboard.test_accessibility import LOOKS, axe, violations

__all__ = ["axe"]

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.browser]

HOSTILE = "<img src=x onerror=\"document.title='owned'\">"

DROPPED = """([name, text]) => {
    const files = new DataTransfer();
    files.items.add(new File([text], name));
    for (const type of ["dragover", "drop"]) {
        const target = document.querySelector("main");
        target.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: files }));
    }
}"""


async def choose(page: Page, text: str | Json, name: str = "simulation.json") -> None:
    """Open a file with the button."""
    body = text if isinstance(text, str) else json.dumps(text)
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Open a simulation …").click()
    file = FilePayload(name=name, mimeType="application/json", buffer=body.encode())
    await (await chooser.value).set_files(file)


async def test_a_file_is_opened_and_shows_what_the_command_prints(browser: Browser) -> None:
    async with shown(browser, StandInApi()) as page:
        await page.get_by_role("link", name="Open a simulation").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Simulation")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await choose(page, simulation(price=PRICE))
        await expect(page.get_by_role("heading", level=1)).to_have_text("renders, simulated")
        await expect(page.get_by_text("60 tasks on 3 pools, 3 runs of each, seed 0.")).to_be_visible()
        numbers = page.get_by_role("region", name="Time and node hours")
        row = numbers.get_by_role("row").filter(has_text="16 nodes")
        await expect(row).to_contain_text("★ best")
        await expect(row).to_contain_text("55 min 12 s – 1 h 5 min")
        await expect(row).to_contain_text("0.10 + 0.10")
        await expect(numbers.get_by_role("row").filter(has_text="kills")).to_contain_text("does not end")
        await expect(page.get_by_text("kills: does not end, in 1 of 1 runs: the horizon")).to_be_visible()
        await expect(page).to_have_title("renders, simulated · batchmgr")
        assert asked == []


async def test_pools_are_chosen_by_keyboard_and_their_curves_are_tables_too(browser: Browser) -> None:
    async with shown(browser, StandInApi(), "?view=simulation") as page:
        await choose(page, simulation())
        curves = page.get_by_role("region", name="Over time", exact=True)
        await expect(curves.get_by_role("article")).to_have_count(3)
        await expect(
            curves.get_by_role("img", name="Tasks over time on 16 nodes: at most 16 run at once")
        ).to_be_visible()
        button = curves.get_by_role("button", name="8 nodes")
        await button.focus()
        await page.keyboard.press("Enter")
        await expect(button).to_have_attribute("aria-pressed", "false")
        await expect(curves.get_by_role("article")).to_have_count(2)
        first = curves.get_by_role("article", name="16 nodes")
        await first.get_by_text("The same as a table").click()
        rows = first.get_by_role("row")
        await expect(rows).to_have_count(14)
        assert (await rows.nth(13).inner_text()).split("\t") == ["1 h", "60", "0", "0", "16", "0"]


async def test_what_an_axis_leaves_out_is_said_and_can_be_seen(browser: Browser) -> None:
    async with shown(browser, StandInApi(), "?view=simulation") as page:
        await choose(page, simulation(makespans=(600, 36_000)))
        times = page.locator(".ticks").first
        await expect(times).to_have_text("030 min1 h1 h 30 min")
        slow = page.get_by_role("article", name="8 nodes")
        await expect(slow).to_contain_text("It goes on after this axis, until 10 h →")
        endless = page.get_by_role("article", name="kills")
        await expect(endless).to_contain_text("It goes on after this axis and does not end →")
        await page.get_by_role("checkbox", name="The whole time").check()
        await expect(slow).not_to_contain_text("goes on")
        await expect(times).to_have_text("02 h4 h6 h8 h10 h")
        await expect(endless).to_contain_text("It does not end. These are its first 2 h.")


async def test_a_dropped_file_opens_wherever_it_falls_and_stays_while_one_looks_around(
    browser: Browser,
) -> None:
    async with shown(browser, StandInApi()) as page:
        await expect(page.get_by_role("heading", level=1)).to_have_text("Jobs")
        await page.evaluate(DROPPED, ["a.json", json.dumps(simulation())])
        await expect(page.get_by_role("heading", level=1)).to_have_text("renders, simulated")
        await page.go_back()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Jobs")
        await page.go_forward()
        await expect(page.get_by_role("heading", level=1)).to_have_text("renders, simulated")
        assert await page.evaluate("sessionStorage.length + localStorage.length") == 0


def damaged(**changes: Any) -> Json:
    found = simulation()
    found["variants"][1] |= changes
    return found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tasks,nodes\n1,2\n", "a.json is not JSON: batchmgr simulate … -o json writes what is shown here."),
        ("", "a.json is not JSON"),
        ("[1]", "a.json is not a simulation: batchmgr simulate … -o json writes one."),
        ("null", "a.json is not a simulation"),
        ('{"jobId": "a", "taskFactory": {}}', "a.json is not a simulation"),
        (
            json.dumps({**simulation(), "version": 2}),
            "a.json is a simulation of version 2, and this page reads version 1: simulate again",
        ),
        (
            json.dumps({**simulation(), "variants": []}),
            "damaged simulation: variants is not as it should be.",
        ),
        (json.dumps(damaged(best="yes")), "a damaged simulation: variants[1].best is not as it should be."),
        (json.dumps(damaged(makespanSeconds={"p10": 1, "p50": None})), "variants[1].makespanSeconds.p50 is"),
        (
            json.dumps(damaged(curves={**simulation()["variants"][0]["curves"], "nodes": [1]})),
            "a damaged simulation: variants[1].curves is not as it should be.",
        ),
    ],
)
async def test_another_file_is_refused_in_a_sentence_and_what_was_open_stays(
    browser: Browser, text: str, said: str
) -> None:
    async with shown(browser, StandInApi(), "?view=simulation") as page:
        await choose(page, simulation())
        await choose(page, text, "a.json")
        await expect(page.get_by_role("alert")).to_contain_text(said)
        await expect(page.get_by_role("heading", level=1)).to_have_text("renders, simulated")
        await choose(page, simulation())
        await expect(page.get_by_role("alert")).to_have_text("")


async def test_texts_that_mean_harm_are_texts_in_a_simulation(browser: Browser) -> None:
    bad = simulation()
    bad["job"] |= {
        "name": HOSTILE,
        "kinds": [{**bad["job"]["kinds"][0], "name": HOSTILE, "duration": HOSTILE}],
    }
    bad["variants"][0] |= {"name": HOSTILE, "warnings": [HOSTILE]}
    bad["assumptions"]["boot"] = HOSTILE
    async with shown(browser, StandInApi(), "?view=simulation") as page:
        await choose(page, bad)
        await expect(page.get_by_role("heading", level=1)).to_contain_text("<img src=x")
        assert await page.locator("img, [onerror]").count() == 0
        assert "owned" not in (await page.title()).partition("<")[0]


async def test_what_the_command_writes_is_read_and_as_a_page_it_asks_nobody(
    browser: Browser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["simulate", "--tasks", "6", "--duration", "1m", "--nodes", "1,3", "--runs", "2", "-o"]
    printed = {}
    for kind in ("json", "html"):
        assert main([*arguments, kind]) == 0
        printed[kind] = capsys.readouterr().out
    async with shown(browser, StandInApi(), "?view=simulation") as page:
        await choose(page, printed["json"])
        await expect(page.get_by_role("heading", level=1)).to_have_text("6 × task, simulated")
        main_text = await page.get_by_role("region", name="Pools", exact=True).inner_text()
    file = tmp_path / "simulation.html"
    file.write_text(printed["html"])
    async with opened_page(browser) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(f"file://{file}")
        await expect(page.locator("#as-of")).to_contain_text("Simulated ")
        assert await page.get_by_role("region", name="Pools", exact=True).inner_text() == main_text
        for name in ("Refresh", "Key", "Open a simulation …"):
            await expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
        await page.get_by_role("button", name="3 nodes").click()
        await expect(page.get_by_role("article")).to_have_count(1)
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize(("size", "dark"), LOOKS)
async def test_a_simulation_is_accessible_and_fits(
    browser: Browser, axe: str, size: tuple[int, int], dark: bool
) -> None:
    async with shown(browser, StandInApi(), "?view=simulation", size=size, dark=dark) as page:
        assert await violations(page, axe) == []
        await choose(page, simulation(makespans=(600, 36_000)))
        await expect(page.get_by_role("article")).to_have_count(3)
        await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert await violations(page, axe) == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= size[0]
        await choose(page, "no", "a.json")
        await expect(page.get_by_role("alert")).to_be_visible()
        assert await violations(page, axe) == []
