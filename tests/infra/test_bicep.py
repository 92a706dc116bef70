"""The golden files are what infra/ makes. `make check` builds and lints it."""

import re
from pathlib import Path

import pytest

from tests.infra.bicep import INFRA, NOWHERE, SCENARIOS, find_compiler, is_required, snapshot
from tests.infra.golden import golden


@pytest.fixture(name="compiler")
def the_compiler() -> Path:
    compiler = find_compiler()
    if compiler is None:
        if is_required():
            pytest.fail(NOWHERE)
        pytest.skip(NOWHERE)
    return compiler


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_golden_file_is_what_the_parameters_make(name: str, compiler: Path) -> None:
    assert snapshot(compiler, SCENARIOS[name]) == golden(name).document, "run: make snapshots"


def test_every_module_is_used_so_that_main_builds_it() -> None:
    texts = "".join(path.read_text() for path in INFRA.rglob("*.bicep*"))
    unused = [
        path.relative_to(INFRA).as_posix()
        for path in INFRA.rglob("*.bicep")
        if not re.search(rf"[/']{re.escape(path.name)}'", texts)
    ]
    assert unused == []


def test_no_module_is_fetched_from_a_registry() -> None:
    texts = "".join(path.read_text() for path in INFRA.rglob("*.bicep*"))
    assert "'br" not in texts
    assert "'ts:" not in texts
