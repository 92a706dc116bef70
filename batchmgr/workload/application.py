"""The command line of a workload package: what a Batch task starts on its node."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from batchmgr.workload.base import WorkloadBase
from batchmgr.workload.execution import run_finalize, run_task


class Application:
    """Runs a workload's tasks. A workload package's `__main__.py` ends with it.

    >>> import os
    >>> from tempfile import TemporaryDirectory
    >>> from batchmgr.workload import BatchClient, WorkloadTask
    >>> class GreetTask(WorkloadTask):
    ...     def run(self) -> None:
    ...         print("Hello from a task")
    >>> class GreetWorkload(WorkloadBase):
    ...     def __init__(self, batch_client: BatchClient | None = None) -> None:
    ...         super().__init__(batch_client)
    ...         self._entry_points_repository.register_entry_point(GreetTask)
    >>> try:
    ...     Application(GreetWorkload()).run(["task", "GreetTask"])
    ... except SystemExit as end:
    ...     end.code
    Hello from a task
    0
    """

    def __init__(self, workload: WorkloadBase) -> None:
        self._workload = workload

    def run(self, argv: Sequence[str] | None = None) -> NoReturn:
        """Do what the arguments (those of the process by default) say, and end the process.

        `task NAME` runs a task, `finalize` the FinalizeTask. Exit codes: 0 for success, 1 for an error, 2
        when the task's input or the command line is unusable.
        """
        arguments = self._parser().parse_args(argv)
        repository = self._workload.entry_points
        if arguments.command == "task":
            sys.exit(run_task(repository, arguments.name, os.environ))
        sys.exit(run_finalize(repository, os.environ))

    def _parser(self) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(
            prog=f"python3 -m {self._workload.package}",
            description=f"Tasks of the workload {self._workload.name}.",
        )
        commands = parser.add_subparsers(dest="command", required=True)
        task = commands.add_parser("task", help="run one task, in its working directory")
        task.add_argument("name", metavar="NAME", help="the task type")
        commands.add_parser("finalize", help="run the FinalizeTask, after all other tasks")
        return parser
