"""The page on simulations shows what the command prints."""

import re
import shlex
from pathlib import Path

import msgspec
import pytest

from batchmgr.cli import main
from batchmgr.cli.simulate.result_json import comparison_answer
from batchmgr.model.price_table import read_price_table
from batchmgr.simulation.pool_variant import Assumptions, PoolVariant
from batchmgr.simulation.simulate import simulate
from tests.simulation.runs import one_run, plan_of

PAGE = (Path(__file__).parents[2] / "docs" / "simulate.md").read_text()


@pytest.mark.thorough
def test_the_output_on_the_page_is_what_the_command_prints(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    shown = re.search(r"```console\n\$ batchmgr (.*)\n((?:.*\n)*?)```", PAGE)
    assert shown is not None
    assert main(shlex.split(shown[1])) == 0
    assert capsys.readouterr().out == shown[2]


def test_the_assumptions_on_the_page_are_those_of_the_code() -> None:
    assumed = Assumptions()
    for option, text in (
        ("--resize", assumed.resize),
        ("--boot", assumed.boot),
        ("--start-task", assumed.start_task),
        ("--scheduling-delay", assumed.scheduling),
    ):
        assert re.search(rf"^\| .* \| `{re.escape(text)}` \| `{option}` \|$", PAGE, re.MULTILINE), option


def test_every_field_of_the_json_is_on_the_page() -> None:
    answers = [{"name": "it", "runs": [one_run()]}]
    compared = simulate(plan_of(PoolVariant(name="it", dedicated=2)), lambda request: answers)
    found = msgspec.to_builtins(comparison_answer(compared))
    section = PAGE.partition("### As JSON")[2].partition("\n## ")[0]
    documented = set(re.findall(r"`(\w+)`", section))
    (variant,) = found["variants"]
    fields = {*found, *variant, *variant["curves"], *variant["nodeHours"]}
    assert fields - documented == set()


@pytest.mark.parametrize("page", ["simulate.md", "usage.md"])
def test_the_table_of_prices_on_a_page_is_one_that_the_app_reads(page: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / page).read_text()
    tables = [block for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL) if '"sizes"' in block]
    assert tables
    for table in tables:
        assert read_price_table(table.encode(), page).sizes
