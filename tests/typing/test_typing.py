"""Type checkers find the mistakes of workload authors, and nothing in correct code."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import batchmgr

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent.relative_to(ROOT)
PYRIGHT = ROOT / "node_modules" / ".bin" / "pyright"
MARK = "# wrong: "


def mypy(file: str) -> set[int]:
    """Return the lines in which mypy finds an error."""
    command = [sys.executable, "-m", "mypy", "--no-error-summary", str(HERE / file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return {int(line) for line in re.findall(rf"{file}:(\d+): error: ", done.stdout)}


def pyright(file: str) -> set[int]:
    """Return the lines in which pyright finds an error."""
    told = json.loads(run_pyright(str(HERE / file)))
    assert told["summary"]["filesAnalyzed"] == 1
    return {each["range"]["start"]["line"] + 1 for each in told["generalDiagnostics"]}


def run_pyright(*arguments: str) -> str:
    if not PYRIGHT.exists():
        if os.environ.get("CI"):
            pytest.fail("pyright is missing: make install")
        pytest.skip("pyright is missing: make install")
    # Pyright verifies packages on Python's path alone, and not those that are installed to be edited.
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [str(PYRIGHT), "--pythonpath", sys.executable, "--outputjson", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    ).stdout


CHECKERS = pytest.mark.parametrize("errors_of", [mypy, pyright])


@CHECKERS
def test_a_correct_workload_has_no_errors(errors_of: Callable[[str], set[int]]) -> None:
    assert errors_of("right.py") == set()


@CHECKERS
def test_each_mistake_is_found_in_its_line_and_none_elsewhere(errors_of: Callable[[str], set[int]]) -> None:
    lines = dict(enumerate((ROOT / HERE / "wrong.py").read_text().splitlines(), 1))
    found = errors_of("wrong.py")
    assert [line for number, line in lines.items() if MARK in line and number not in found] == []
    assert [line for number, line in lines.items() if MARK not in line and number in found] == []


def test_every_public_name_has_a_known_type() -> None:
    told = json.loads(run_pyright("--verifytypes", "batchmgr", "--ignoreexternal"))["typeCompleteness"]
    assert told["pyTypedPath"] == str(ROOT / "batchmgr" / "py.typed")
    public = {f"batchmgr.{name}" for name in batchmgr.__all__}
    symbols = {symbol["name"]: symbol for symbol in told["symbols"]}
    assert public <= symbols.keys()
    homes = tuple(f"{home}." for home in batchmgr._HOMES)
    unknown = [
        (name, [each["message"] for each in symbol["diagnostics"]])
        for name, symbol in symbols.items()
        if (name in public or name.startswith(homes)) and not _is_clear(symbol)
    ]
    assert unknown == []


def _is_clear(symbol: dict[str, Any]) -> bool:
    return bool(symbol["isTypeKnown"]) and not symbol["isTypeAmbiguous"]
