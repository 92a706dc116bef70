"""Runs shell scripts as child processes of a test."""

import os
from pathlib import Path

from batchmgr.devstack.child_processes import ChildProcess, ChildProcesses


class Shell:
    def __init__(self, processes: ChildProcesses, directory: Path) -> None:
        self._processes = processes
        self._directory = directory

    async def start(self, script: str, *, name: str = "child") -> ChildProcess:
        return await self._processes.start(
            name, ["sh", "-c", script], environment=os.environ, directory=self._directory
        )
