from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from batchmgr.devstack.child_processes import ChildProcesses
from tests.devstack.shell import Shell


@pytest.fixture
async def processes(tmp_path: Path) -> AsyncIterator[ChildProcesses]:
    started = ChildProcesses(tmp_path)
    yield started
    await started.stop()


@pytest.fixture
def shell(processes: ChildProcesses, tmp_path: Path) -> Shell:
    return Shell(processes, tmp_path)
