"""The command line of a workload package, for Batch tasks on nodes and for authors at a terminal."""

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
"""The exit code if the command line, the inputs or the job cannot be used."""

LOCAL_COMMAND = "batchmgr.dispatcher.local_command"
"""The module of the command `local`. It is imported by name because it is not part of what nodes have.

It needs the whole control plane. It has `add_arguments(parser)` and `run(workload, arguments) -> int`, which
returns the exit code.
"""

_COMMANDS = {
    "plan": "show what a job would be; nothing is run or sent",
    "local": "run the whole job here, in this process, each task after those it depends on",
    "submit": "send a job to batchmgr over HTTP",
    "task": "run one task, in its working directory (as nodes do)",
    "finalize": "run the FinalizeTask, after all other tasks (as nodes do)",
    "job-manager": "plan the job on a node, as its job manager task (as nodes do)",
}
"""Each command and its help text. The commands that authors type come first."""


class Application:
    """The command line of a workload. Call `run` at the end of the package's `__main__.py`.

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
        """Run the command that the arguments name, and end the process with an exit code.

        `plan` shows the tasks of a job, `local` runs the job in this process, and `submit` sends it to
        batchmgr. Nodes run `task NAME` for a task, `finalize` for the FinalizeTask and `job-manager` to plan
        the job. Without `argv`, the arguments of the process are used.

        Exit codes: 0 success, 1 the task's own error, 2 unusable input or command line, 70 a failure of the
        node, 75 the task may succeed when it is run again. `local` has its own, in its documentation.
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
        # Import only the module of this command, so that tasks on nodes start quickly.
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
        """Return the parser, and the parser of `local`, whose options are not added yet."""
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
        submit.add_argument(
            "--callback", metavar="URI", default="", help="POST the job's outcome to this URI"
        )
        submit.add_argument(
            "--url",
            metavar="URL",
            default="",
            help="batchmgr's address, such as https://my-app.azurewebsites.net; the default is BATCHMGR_URL",
        )
        return parser, parsers["local"]


def _load_local(parser: argparse.ArgumentParser) -> Any:
    """Return the module of the `local` command. If it cannot be imported, end the process with a message."""
    needs = "needs Python 3.11 or newer and batchmgr's control plane: pip install 'batchmgr[app,local]'"
    if sys.version_info < (3, 11):  # nodes may have an older Python
        parser.error(needs)
    try:
        command = import_module(LOCAL_COMMAND)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("batchmgr"):
            raise
        parser.error(f"{needs} ({error.name} is missing)")
    command.add_arguments(parser)
    return command
