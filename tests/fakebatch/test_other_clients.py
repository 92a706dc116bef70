"""Whole sessions of other official clients, which are installed for the occasion.

They cost a download, so each client has one session, in a process of its own.
"""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any, NoReturn

import pytest

from fakebatch.testing import FakeBatchProcess

_CLIENTS = Path(__file__).parent / "clients"
_PYTHON_CLIENT = "azure-batch==14.2.0"
_JAVASCRIPT_CLIENT = "@azure/batch@10.2.0"


def _missing(what: str) -> NoReturn:
    """Skip the test on a developer's machine, fail it in CI."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


def _run(what: str, *command: str | Path) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except FileNotFoundError as error:
        _missing(f"{what}: {error}")
    if done.returncode:
        _missing(f"{what}: {done.stderr[-2000:]}")
    return done.stdout


def _session(*command: str | Path) -> Any:
    with FakeBatchProcess() as fake:
        arguments = [fake.endpoint, fake.account, fake.key]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="session")
def python_with_azure_batch_14(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("azure-batch-14")
    venv.create(directory, with_pip=False)
    python = directory / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet")
    _run("azure-batch 14 cannot be installed", *pip, _PYTHON_CLIENT)
    return python


@pytest.fixture(scope="session")
def node_modules_with_azure_batch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("azure-batch-js")
    npm = ("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", directory)
    _run("@azure/batch cannot be installed", *npm, _JAVASCRIPT_CLIENT)
    return directory


@pytest.mark.clients
def test_the_python_client_of_the_generation_before_runs_a_job_from_pool_to_deletion(
    python_with_azure_batch_14: Path,
) -> None:
    assert _session(python_with_azure_batch_14, _CLIENTS / "session_azure_batch_14.py") == {
        "pool exists": True,
        "nodes": ["idle"],
        "added": ["success"],
        "added again": "TaskExists",
        "counts": [0, 0, 150, 0],
        "listed": 150,
        "stdout": "42\n",
        "length": 3,
        "files": ["stderr.txt", "stdout.txt", "wd"],
        "missing": "TaskNotFound",
        "priority": 7,
        "reason": "enough",
        "pools": [],
    }


@pytest.mark.clients
def test_the_javascript_client_runs_a_job_from_pool_to_deletion(node_modules_with_azure_batch: Path) -> None:
    seen = _session("node", _CLIENTS / "session.mjs", node_modules_with_azure_batch)
    assert seen == {
        "pool exists": True,
        "nodes": ["idle"],
        "added": ["success"],
        "added again": "TaskExists",
        "counts": [0, 0, 30, 0],
        "listed": 30,
        "stdout": "7\n",
        "length": 2,
        "missing": "TaskNotFound",
        "priority": 7,
        "reason": "enough",
        "pools": [],
    }
