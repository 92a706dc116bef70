"""`docs/limits.md` has the limits of the code."""

import importlib
import re
from datetime import timedelta

import pytest

from batchmgr.model.size_limits import KIB
from batchmgr.steps.attempt_times import PAUSES
from batchmgr.usecases.poll import CONCURRENT_JOBS, JOBS_POLLED_HERE
from tests.docs.commands import ROOT

PAGE = (ROOT / "docs" / "limits.md").read_text()
ROWS = re.findall(r"^\| ([^|]*)\| ([^|]*) \| `([\w.]+)\.([A-Z_]+)` \|$", PAGE, re.MULTILINE)
UNITS: dict[str, int | timedelta] = {
    "s": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "KiB": KIB,
    "MiB": KIB * KIB,
    "bytes": 1,
    "characters": 1,
    "files": 1,
    "tasks": 1,
    "levels": 1,
    "": 1,
}


@pytest.mark.parametrize(("limit", "module", "constant"), [row[1:] for row in ROWS])
def test_a_limit_is_that_of_the_code(limit: str, module: str, constant: str) -> None:
    found = re.match(r"([\d,]+) ?(\w*)", limit)
    assert found is not None
    real = getattr(importlib.import_module(f"batchmgr.{module}"), constant)
    unit, number = UNITS[found[2]], int(found[1].replace(",", ""))
    if isinstance(unit, timedelta) and not isinstance(real, timedelta):
        real = timedelta(seconds=real)
    assert real == number * unit


def test_every_row_with_a_constant_is_read() -> None:
    assert len(ROWS) > 60
    assert PAGE.count("` |\n") == len(ROWS)


def test_the_attempts_of_a_callback_are_those_of_the_code() -> None:
    assert len(PAUSES) + 1 == 10
    assert timedelta(hours=15) < sum(PAUSES, timedelta()) < timedelta(hours=17)


def test_the_table_of_polls_is_the_arithmetic() -> None:
    table = PAGE.partition("\n### The poll\n")[2].partition("\n### ")[0]
    rows = re.findall(r"^\| ([\d,]+) \| (\d) \| ([\d.]+) s \|", table, re.MULTILINE)
    assert len(rows) == 4
    for jobs, instances, seconds in rows:
        expected = int(jobs.replace(",", "")) * 0.1 / CONCURRENT_JOBS / int(instances)
        assert float(seconds) == pytest.approx(expected, rel=0.05)
    assert f"Up to {JOBS_POLLED_HERE} jobs" in table
