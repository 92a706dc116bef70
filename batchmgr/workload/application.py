"""The command line of a workload package: what a Batch task starts on its node, and what its author types."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

from batchmgr.errors import BatchmgrError
from batchmgr.workload.job_arguments import add_job_arguments
from batchmgr.workload.task_command import run_finalize, run_task
from batchmgr.workload.workload_base import WorkloadBase

INVALID = 2
"""Exit code for a command line, inputs or a job that can't be used."""

LOCAL_COMMAND = "batchmgr.dispatcher.command"
"""The module behind `local`, imported by name: it stands on the control plane, which no node has.

It has `add_arguments(parser)` and `run(workload, args) -> int`, the exit code.
"""

_COMMANDS = {
    "plan": "show what a job would be; nothing is run or sent",
    "local": "run the whole job here, in this process, in the order of its dependencies",
    "submit": "send a job to batchmgr over HTTP",
    "task": "run one task, in its working directory (as nodes do)",
    "finalize": "run the FinalizeTask, after all other tasks (as nodes do)",
    "job-manager": "plan the job on a node, as its job manager task (as nodes do)",
}
"""Each command, and what `--help` says of it: those that authors type come first."""


class Application:
    """Runs a workload. A workload package's `__main__.py` ends with it.

    >>> from batchmgr import WorkloadTask
    >>> class GreetTask(WorkloadTask):
    ...     def run(self) -> None:
    ...         print("Hello from a task")
    >>> class GreetWorkload(WorkloadBase):
    ...     def __init__(self, batch_client=None) -> None:
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

        `task NAME` runs a task, `finalize` the FinalizeTask, `job-manager` plans the job on a node; `plan`
        shows what a job would be, `local` runs it here, `submit` sends it to batchmgr. Exit codes: 0 for
        success, 1 for an error, 2 when the input or the command line is unusable, 70 for trouble of the node,
        75 for a task that may succeed when run again.
        """
        argv = sys.argv[1:] if argv is None else argv
        parser, local_parser = self._parsers()
        local = _load_local(local_parser) if list(argv[:1]) == ["local"] else None
        arguments = parser.parse_args(argv)
        try:
            sys.exit(local.run(self._workload, arguments) if local else self._dispatch(arguments))
        except BatchmgrError as error:
            sys.stderr.write(f"{self._workload.package} {arguments.command}: {error}\n")
            sys.exit(INVALID)

    def _dispatch(self, arguments: argparse.Namespace) -> int:
        # Each command's module is imported when it is asked for: a task on a node starts at once.
        if arguments.command == "task":
            return run_task(self._workload.entry_points, arguments.name, os.environ)
        if arguments.command == "finalize":
            return run_finalize(self._workload.entry_points, os.environ)
        if arguments.command == "job-manager":
            from batchmgr.workload.job_manager_command import run_job_manager

            return run_job_manager(self._workload, os.environ)
        if arguments.command == "plan":
            from batchmgr.workload.plan_command import show_plan

            return show_plan(self._workload, arguments)
        from batchmgr.workload.submit_command import submit

        return submit(self._workload, arguments)

    def _parsers(self) -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
        """The parser, and that of the `local` command, whose options are not in it yet."""
        parser = argparse.ArgumentParser(
            prog=f"python3 -m {self._workload.package}", description=f"The workload {self._workload.name}."
        )
        commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
        parsers = {
            name: commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
            for name, text in _COMMANDS.items()
        }
        plan, submit = parsers["plan"], parsers["submit"]
        names = ", ".join(self._workload.entry_points.names) or "none is registered"
        parsers["task"].add_argument("name", metavar="NAME", help=f"the task type: {names}")
        for command in (plan, submit):
            add_job_arguments(command)
        submit.add_argument("--callback", metavar="URI", default="", help="where to POST the outcome")
        submit.add_argument(
            "--url",
            metavar="URL",
            default="",
            help="batchmgr's address, such as https://my-app.azurewebsites.net; without it, BATCHMGR_URL's",
        )
        return parser, parsers["local"]


def _load_local(parser: argparse.ArgumentParser) -> Any:
    """The module of the `local` command; the process ends with a message where it can't be had."""
    needs = "needs Python 3.11 or newer and batchmgr's control plane: pip install 'batchmgr[app,local]'"
    if sys.version_info < (3, 11):  # nodes may have an older one
        parser.error(needs)
    try:
        command = import_module(LOCAL_COMMAND)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("batchmgr"):
            raise
        parser.error(f"{needs} ({error.name} is missing)")
    command.add_arguments(parser)
    return command
