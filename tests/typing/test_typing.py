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


FILES = ("right.py", "wrong.py")

Lines = dict[str, set[int]]
"""By file: the lines in which a type checker finds an error."""


def mypy() -> Lines:
    command = [sys.executable, "-m", "mypy", "--no-error-summary", *(str(HERE / file) for file in FILES)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return {
        file: {int(line) for line in re.findall(rf"{file}:(\d+): error: ", done.stdout)} for file in FILES
    }


def pyright() -> Lines:
    told = json.loads(run_pyright(*(str(HERE / file) for file in FILES)))
    assert told["summary"]["filesAnalyzed"] == len(FILES)
    lines: Lines = {file: set() for file in FILES}
    for each in told["generalDiagnostics"]:
        lines[Path(each["file"]).name].add(each["range"]["start"]["line"] + 1)
    return lines


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


@pytest.fixture(scope="module", params=[mypy, pyright])
def errors(request: pytest.FixtureRequest) -> Lines:
    """What a type checker finds: each is started once, since that is what takes long."""
    check: Callable[[], Lines] = request.param
    return check()


def test_a_correct_workload_has_no_errors(errors: Lines) -> None:
    assert errors["right.py"] == set()


def test_each_mistake_is_found_in_its_line_and_none_elsewhere(errors: Lines) -> None:
    lines = dict(enumerate((ROOT / HERE / "wrong.py").read_text().splitlines(), 1))
    found = errors["wrong.py"]
    assert [line for number, line in lines.items() if MARK in line and number not in found] == []
    assert [line for number, line in lines.items() if MARK not in line and number in found] == []


@pytest.mark.clients
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
