"""Creates the queues and containers in a process of its own: `python -m batchmgr.devstack.prepare_storage`.

A stack without keys needs that, because only new processes trust its certificate.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from batchmgr.bootstrap import prepare_storage
from batchmgr.devstack.child_processes import ChildProcesses
from batchmgr.errors import StackError
from batchmgr.settings import Settings


async def prepare_in_a_process(
    processes: ChildProcesses, *, environment: Mapping[str, str], directory: Path
) -> None:
    """Create the queues and containers with the settings in an environment. Raises StackError."""
    command = [sys.executable, "-m", __name__]
    child = await processes.start(
        "storage preparation", command, environment=environment, directory=directory
    )
    if await child.wait() != 0:
        raise StackError(f"The queues and containers could not be created:\n{child.log_tail()}")
    await child.stop()  # it has ended, as it should


if __name__ == "__main__":
    asyncio.run(prepare_storage(Settings.from_environment(os.environ)))
