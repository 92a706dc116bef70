"""Azure Batch as a local run needs it: jobs are in memory, the tasks' files in the run's directory."""

import os

from batchmgr.dispatcher.memory_batch import MemoryBatch
from batchmgr.dispatcher.run_directory import RunDirectory
from batchmgr.plan.ids import job_key
from batchmgr.ports import Clock


class LocalBatch(MemoryBatch):
    """The BatchService port of a local run."""

    def __init__(self, clock: Clock, directory: RunDirectory) -> None:
        super().__init__(clock)
        self._directory = directory

    async def read_file(
        self, job_id: str, task_id: str, path: str, max_bytes: int, *, from_start: int = 0
    ) -> bytes:
        """Return a task's file, or its two ends, or no bytes if there is no such file."""
        if job_key(job_id) not in self.jobs:
            return b""
        try:
            with (self._directory.task(task_id) / path).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(0)
                if size <= max_bytes:
                    return file.read(max_bytes)
                head = file.read(from_start)
                file.seek(size - max_bytes + from_start)
                return head + file.read(max_bytes - from_start)
        except OSError:
            return b""
