"""The public names of the package."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import batchmgr
from tests.old_python import oldest_python

ROOT = Path(batchmgr.__file__).parents[1]


@pytest.mark.parametrize("name", batchmgr.__all__)
def test_every_public_name_exists_and_has_a_docstring(name: str) -> None:
    thing = getattr(batchmgr, name)
    # Python generates a docstring for a dataclass without one.
    assert inspect.getdoc(thing)
    assert not str(thing.__doc__).startswith(f"{name}(")


def test_the_public_names_are_sorted_and_each_has_one_home() -> None:
    assert list(batchmgr.__all__) == sorted(batchmgr.__all__)
    homes = [name for names in batchmgr._HOMES.values() for name in names]
    assert sorted(homes) == list(batchmgr.__all__)
    assert set(batchmgr.__all__) <= set(dir(batchmgr))


def test_importing_the_package_imports_no_submodule() -> None:
    script = "import sys, batchmgr; print(*(name for name in sys.modules if name.startswith('batchmgr')))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["batchmgr"]


def test_the_oldest_python_has_the_same_names() -> None:
    oldest = oldest_python()
    if oldest is None:
        pytest.skip("there is no Python 3.8 here")
    script = "import batchmgr\nfor name in batchmgr.__all__: print(name, getattr(batchmgr, name).__module__)"
    command = [str(oldest), "-S", "-B", "-c", script]
    done = subprocess.run(command, cwd=ROOT, env={}, capture_output=True, text=True, check=True)
    here = [f"{name} {getattr(batchmgr, name).__module__}" for name in batchmgr.__all__]
    assert done.stdout.splitlines() == here


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nope'"):
        _ = batchmgr.Nope


@pytest.mark.parametrize("statement", ["import batchmgr", "from batchmgr import Application, WorkloadBase"])
def test_importing_a_workload_does_not_import_azure_or_http(statement: str) -> None:
    heavy = "{'azure', 'aiohttp', 'asyncio', 'msgspec'}"
    script = f"import sys; {statement}; print(sorted({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
