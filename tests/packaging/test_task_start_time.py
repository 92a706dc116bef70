"""Tests how much CPU time batchmgr takes before a task runs on its node."""

import os
import statistics
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.integration.article_runs import APPLICATION, build_application
from tests.old_python import oldest_python

CPU_SECONDS = 0.150
RUNS = 9
HEAVY = frozenset(
    {"aiohttp", "asyncio", "azure", "email", "http", "logging.config", "msgspec", "socket", "ssl"}
    | {"subprocess", "tempfile", "urllib.request"}
)
"""Modules that are imported only if a task uses them."""


@pytest.fixture(params=["this", "3.8"])
def python(request: pytest.FixtureRequest) -> str:
    if request.param == "this":
        return sys.executable
    oldest = oldest_python()
    if oldest is None:
        pytest.skip("there is no Python 3.8 here")
    return str(oldest)


@pytest.fixture
def node(tmp_path: Path) -> dict[str, str]:
    """The environment of a task with its input file, on a node with the application package."""
    with zipfile.ZipFile(build_application(tmp_path)) as archive:
        archive.extractall(tmp_path / "package")
    (tmp_path / "wd" / "data").mkdir(parents=True)
    (tmp_path / "wd" / "data" / "text.txt").write_text("text")
    return {
        "PYTHONPATH": str(tmp_path / "package"),
        "AZ_BATCH_TASK_WORKING_DIR": str(tmp_path / "wd"),
        "BATCHMGR_TASK_INPUTS": '{"input_example": "hello"}',
    }


def test_the_entry_point_of_a_task_takes_less_than_150_ms_of_cpu(python: str, node: dict[str, str]) -> None:
    command = [python, "-S", "-m", APPLICATION, "task", "ExampleWorkloadTask"]
    times = [cpu_seconds(command, node) for _ in range(RUNS + 1)]
    median = statistics.median(times[1:])  # the first run compiles bytecode
    sys.stdout.write(f"{median * 1000:.0f} ms of CPU in the median, {times[0] * 1000:.0f} ms at first\n")
    assert median < CPU_SECONDS


def test_a_task_imports_nothing_that_it_does_not_use(python: str, node: dict[str, str]) -> None:
    command = [python, "-S", "-X", "importtime", "-m", APPLICATION, "task", "ExampleWorkloadTask"]
    done = subprocess.run(command, env=node, capture_output=True, text=True, check=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    imported = {line.rpartition("|")[2].strip() for line in lines}
    assert f"{APPLICATION}.tasks" in imported
    assert imported & HEAVY == set()


def cpu_seconds(command: list[str], environment: dict[str, str]) -> float:
    """Run a process, and return its user and system CPU time in seconds."""
    quiet = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)]
    pid = os.posix_spawn(command[0], command, environment, file_actions=quiet)
    _, status, usage = os.wait4(pid, 0)
    assert status == 0
    return usage.ru_utime + usage.ru_stime
