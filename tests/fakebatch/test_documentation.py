"""The documentation of the fake Azure Batch lists every operation and every fault."""

import json
import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest

from fakebatch.faults.fault_rules import FAULTS
from fakebatch.operations.all_operations import OPERATIONS

_HERE = Path(__file__).parent
_ROW: Final = re.compile(r"^\| `(\w+)` \|(.*)\| (replayed|specified) \|$", re.MULTILINE)


def _contract() -> dict[str, tuple[str, str]]:
    """Return the method and the path of each operation by its name; ids in paths are `{}`."""
    lines = [line.split() for line in (_HERE / "contract.txt").read_text().splitlines()]
    return {name: (method, path) for name, method, path in lines}


def _documented() -> dict[str, str]:
    """Return the evidence of each operation by its name."""
    text = (_HERE.parents[1] / "docs" / "fake-batch.md").read_text()
    return {name: evidence for name, _, evidence in _ROW.findall(text)}


def _documented_faults() -> set[str]:
    text = (_HERE.parents[1] / "docs" / "fake-batch.md").read_text()
    section = text.partition("### Injecting faults")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


def _recorded_requests() -> set[tuple[str, str]]:
    sessions = [json.loads(path.read_text()) for path in (_HERE / "recorded").glob("*.json")]
    sessions += json.loads((_HERE / "recordings.json").read_text())
    exchanges = [exchange for session in sessions for exchange in session["exchanges"]]
    return {(exchange["method"], urlsplit(exchange["path"]).path) for exchange in exchanges}


def test_the_contract_has_72_operations() -> None:
    assert len(_contract()) == 72


def test_every_operation_of_the_contract_is_served_and_documented() -> None:
    served = {(operation.method, re.sub(r"{[^}]*}", "{}", operation.path)) for operation in OPERATIONS}
    assert [name for name, route in _contract().items() if route not in served] == []
    assert list(_contract().keys() ^ _documented().keys()) == []


def test_every_fault_is_documented() -> None:
    assert _documented_faults() == FAULTS


def test_what_the_contract_does_not_have_is_served_in_old_versions_only() -> None:
    contract = set(_contract().values())
    beyond = [
        operation
        for operation in OPERATIONS
        if (operation.method, re.sub(r"{[^}]*}", "{}", operation.path)) not in contract
    ]
    assert beyond
    assert all(operation.until is not None for operation in beyond)


@pytest.mark.parametrize("name", _contract())
def test_the_documented_evidence_is_there(name: str) -> None:
    method, path = _contract()[name]
    expression = re.compile(re.escape(path).replace(r"\{\}", "[^/]+"))
    replayed = any(
        method == recorded and expression.fullmatch(at) for recorded, at in sorted(_recorded_requests())
    )
    assert _documented()[name] == ("replayed" if replayed else "specified")
