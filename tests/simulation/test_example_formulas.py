"""The example formulas do what their page says."""

import json
import re
from pathlib import Path

import pytest

from batchmgr.cli import main
from batchmgr.simulation.format_values import duration, hours
from batchmgr.simulation.pool_variant import without_comments

FORMULAS = Path(__file__).parents[2] / "examples" / "formulas"
PAGE = (FORMULAS / "README.md").read_text()
ROW = re.compile(r"^\| \[([\w-]+)\]\(\1\.txt\) \| (\w+) \| ([\d.,]+) \| (\d+) % \|", re.MULTILINE)
JOB = ["--tasks", "200", "--duration", "count=lognormal(10m,0.5)", "--slots", "2", "--interval", "5m"]


def test_the_page_has_every_formula() -> None:
    assert {name for name, *_ in ROW.findall(PAGE)} == {file.stem for file in FORMULAS.glob("*.txt")}


def test_each_formula_names_its_source() -> None:
    for file in FORMULAS.glob("*.txt"):
        assert re.search(r"^// (After |What we)", file.read_text(), re.MULTILINE), file.name


def test_every_formula_is_understood_and_ends_a_job_or_kills_it(capsys: pytest.CaptureFixture[str]) -> None:
    files = [argument for file in FORMULAS.glob("*.txt") for argument in ("--formula", str(file))]
    options = ["--tasks", "30", "--duration", "10m", "--interval", "5m", "--runs", "1", "--horizon", "9h"]
    assert main(["simulate", *options, *files, "-o", "json"]) == 0
    ended = {found["name"]: found["ended"] for found in json.loads(capsys.readouterr().out)["variants"]}
    assert {name for name, count in ended.items() if not count} <= {"cdc-kills"}


@pytest.mark.thorough
def test_the_formulas_do_what_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    rows = {name: numbers for name, *numbers in ROW.findall(PAGE)}
    files = [argument for name in rows for argument in ("--formula", str(FORMULAS / f"{name}.txt"))]
    assert main(["simulate", *JOB, "--eviction-rate", "0.1", "--runs", "5", *files, "-o", "json"]) == 0
    for found in json.loads(capsys.readouterr().out)["variants"]:
        ends = duration(found["makespanSeconds"]["p50"]) if found["ended"] else "never"
        held, used = found["nodeHours"]["held"]["p50"], found["shares"]["used"]["p50"]
        assert rows[found["name"]] == [ends, hours(held), f"{100 * used:.0f}"], found["name"]


def test_cdcs_formula_is_the_documented_one_without_its_last_line() -> None:
    documented, other = (
        without_comments((FORMULAS / f"{name}.txt").read_text()).strip().splitlines()
        for name in ("doc-active", "cdc-kills")
    )
    assert documented == [*other, "$NodeDeallocationOption = taskcompletion;"]
