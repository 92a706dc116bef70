"""What `import batchmgr` offers."""

import subprocess
import sys

import pytest

import batchmgr


@pytest.mark.parametrize("name", batchmgr.__all__)
def test_every_public_name_is_there_and_says_what_it_is_for(name: str) -> None:
    assert getattr(batchmgr, name).__doc__


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nope'"):
        _ = batchmgr.Nope


@pytest.mark.parametrize("statement", ["import batchmgr", "from batchmgr import Application, WorkloadBase"])
def test_workload_authors_do_not_pay_for_azure_or_http(statement: str) -> None:
    heavy = "{'azure', 'aiohttp', 'asyncio', 'msgspec'}"
    script = f"import sys; {statement}; print(sorted({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
