"""The page of promises is true: its tests exist, and its limits are those of the code."""

import importlib
import re
from datetime import timedelta
from pathlib import Path

import pytest

from batchmgr.model.size_limits import KIB

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text()
PROMISES = re.findall(r"^\|(?! promise| ---)([^|]*)\|([^|]*)\|([^|]*)\|$", PAGE, re.MULTILINE)
"""Promise, limit and tests of each row."""

TESTS = re.findall(r"\[`(test_\w+)`\]\(\.\./(tests/[\w/]+\.py)\)", PAGE)
LIMITS = re.findall(r"([\d,]+)(?: (s|min|h|KiB|MiB))? `([\w.]+)\.([A-Z_]+)`", PAGE)
TIMES = {"s": timedelta(seconds=1), "min": timedelta(minutes=1), "h": timedelta(hours=1)}
SIZES = {"": 1, "KiB": KIB, "MiB": KIB * KIB}


@pytest.mark.parametrize(("name", "path"), TESTS)
def test_every_promise_is_held_by_a_test_that_exists(name: str, path: str) -> None:
    assert re.search(rf"^(async )?def {name}\(", (ROOT / path).read_text(), re.MULTILINE)


@pytest.mark.parametrize(("number", "unit", "module", "constant"), LIMITS)
def test_every_limit_is_that_of_the_code(number: str, unit: str, module: str, constant: str) -> None:
    value = getattr(importlib.import_module(f"batchmgr.{module}"), constant)
    said = int(number.replace(",", ""))
    if unit in TIMES:
        real = value if isinstance(value, timedelta) else timedelta(seconds=value)
        assert real == said * TIMES[unit]
    else:
        assert value == said * SIZES[unit]


def test_every_promise_has_a_test_and_every_limit_is_read() -> None:
    assert len(PROMISES) > 50
    assert all("](../tests/" in tests for _, _, tests in PROMISES)
    assert sum(limit.count("`") for _, limit, _ in PROMISES) == 2 * len(LIMITS)


def test_every_chaos_test_holds_a_promise() -> None:
    chaos = {
        name
        for path in (ROOT / "tests" / "chaos").glob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)\(", path.read_text(), re.MULTILINE)
    }
    of_the_instrument = {"test_calls_of_every_port_with_effects_are_counted"}
    assert chaos - of_the_instrument == {name for name, path in TESTS if path.startswith("tests/chaos/")}
