"""The command line of a workload package: what a Batch task starts on its node."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

from batchmgr.workload.base import WorkloadBase
from batchmgr.workload.execution import run_finalize, run_task

LOCAL_COMMAND = "batchmgr.local.dispatcher.command"
"""The module behind `local`, imported by name: it stands on the control plane, which no node has.

It has `add_arguments(parser)` and `run(workload, args) -> int`, the exit code.
"""


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

        `task NAME` runs a task, `finalize` the FinalizeTask, `local` a whole job in this process. Exit codes:
        0 for success, 1 for an error, 2 when the task's input or the command line is unusable.
        """
        argv = sys.argv[1:] if argv is None else argv
        parser, local_parser = self._parsers()
        if argv and argv[0] == "local":
            command = _load_local(local_parser)
            command.add_arguments(local_parser)
            sys.exit(command.run(self._workload, parser.parse_args(argv)))
        arguments = parser.parse_args(argv)
        repository = self._workload.entry_points
        if arguments.command == "task":
            sys.exit(run_task(repository, arguments.name, os.environ))
        sys.exit(run_finalize(repository, os.environ))

    def _parsers(self) -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
        """The parser, and that of the `local` command, whose options are not in it yet."""
        parser = argparse.ArgumentParser(
            prog=f"python3 -m {self._workload.package}",
            description=f"Tasks of the workload {self._workload.name}.",
        )
        commands = parser.add_subparsers(dest="command", required=True)
        task = commands.add_parser("task", help="run one task, in its working directory")
        task.add_argument("name", metavar="NAME", help="the task type")
        commands.add_parser("finalize", help="run the FinalizeTask, after all other tasks")
        text = "run a whole job here, in this process, in the order of its dependencies"
        return parser, commands.add_parser("local", help=text, description=text)


def _load_local(parser: argparse.ArgumentParser) -> Any:
    """The module of the `local` command; the process ends with a message where it can't be had."""
    needs = "needs Python 3.11 or newer and batchmgr's control plane: pip install 'batchmgr[app,local]'"
    if sys.version_info < (3, 11):  # noqa: UP036  # nodes may have an older one
        parser.error(needs)
    try:
        return import_module(LOCAL_COMMAND)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("batchmgr"):
            raise
        parser.error(f"{needs} ({error.name} is missing)")
