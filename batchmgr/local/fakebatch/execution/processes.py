"""The executor that really runs tasks, as processes of this machine."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from batchmgr.local.fakebatch.execution import commands, output_files, resource_files
from batchmgr.local.fakebatch.execution.blobs import BlobStorage
from batchmgr.local.fakebatch.execution.environment import task_environment
from batchmgr.local.fakebatch.execution.layout import Layout
from batchmgr.local.fakebatch.execution.port import Order
from batchmgr.local.fakebatch.model.outcomes import Failure, Outcome, exited, unprepared
from batchmgr.local.fakebatch.wire import durations

_KILLED: Final = 137
_OUT_OF_TIME: Final = Failure("TaskEnded", "The task ran longer than its maxWallClockTime and was ended")


class ProcessExecutor:
    """Runs each task in a process group of its own, in a directory of its own."""

    def __init__(self, layout: Layout, account_url: str) -> None:
        self._layout = layout
        self._account_url = account_url
        self._storage = BlobStorage()

    async def run(self, order: Order) -> Outcome:
        """Bring the task's files, run its command line within its time limit, and upload its output files."""
        root = self._layout.task_root(order.pool_id, order.node_id, order.job_id, order.task_id)
        _prepare_directories(self._layout.node_root(order.pool_id, order.node_id), root)
        variables = task_environment(order, self._layout, self._account_url)
        outcome = await self._run_command(order, root, variables)
        if outcome.exit_code is None:
            return outcome
        wanted = order.spec.get("outputFiles", ())
        return await output_files.upload(self._storage, wanted, root, variables, outcome)

    async def _run_command(self, order: Order, root: Path, variables: Mapping[str, str]) -> Outcome:
        limit = durations.seconds(order.spec["constraints"]["maxWallClockTime"])
        launched = False
        try:
            async with asyncio.timeout(limit) as clock:
                await resource_files.fetch(self._storage, order.spec.get("resourceFiles", ()), root / "wd")
                command = commands.parse(order.spec["commandLine"], root / "wd", variables)
                launched = True
                return exited(await commands.run(command, root / "wd", variables, root))
        except (resource_files.PreparationError, commands.LaunchError) as error:
            return unprepared(error.failure)
        except TimeoutError:
            if not clock.expired():
                raise
            return Outcome(exit_code=_KILLED if launched else None, failure=_OUT_OF_TIME)

    async def remove_files(self, job_id: str, task_id: str | None = None) -> None:
        """Remove the directories of a task, or of all tasks of a job."""
        await asyncio.to_thread(self._layout.remove_files, job_id, task_id)

    async def close(self) -> None:
        """Close the connections to storage."""
        await self._storage.close()


def _prepare_directories(node_root: Path, task_root: Path) -> None:
    for directory in (task_root / "wd", *(node_root / name for name in ("shared", "startup", "fsmounts"))):
        directory.mkdir(parents=True, exist_ok=True)
    # They exist even when the command cannot be started.
    for name in ("stdout.txt", "stderr.txt"):
        (task_root / name).write_bytes(b"")
