from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from batchmgr.devstack.child_processes import Processes
from tests.devstack.shell import Shell


@pytest.fixture
async def processes(tmp_path: Path) -> AsyncIterator[Processes]:
    started = Processes(tmp_path)
    yield started
    await started.stop()


@pytest.fixture
def shell(processes: Processes, tmp_path: Path) -> Shell:
    return Shell(processes, tmp_path)
