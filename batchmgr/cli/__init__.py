"""The `batchmgr` command line. Each command is a module, which is imported only when the command runs."""

from __future__ import annotations

import sys
from typing import Sequence

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended early."""

COMMANDS = {
    "submit": "send a job, and say its id",
    "status": "show a job: its state, its tasks, and why it waits or failed",
    "list": "list jobs, the newest first",
    "watch": "show a job until it has ended",
    "wait": "wait until jobs have ended; the exit code says how",
    "tasks": "list the tasks of a job",
    "logs": "print what tasks have written, also while they run",
    "events": "print the events of a job",
    "download": "download the results of jobs, or the files of a task",
    "upload": "upload files for tasks to read",
    "usage": "say what jobs have used, and what that has cost",
    "cancel": "cancel a job",
    "rerun": "run the tasks of a job again that have not succeeded, as a new job",
    "redrive": "have an app send the callback of a job again that it has given up",
    "purge": "delete jobs that have ended, with all that they have left",
    "dead-letters": "list the callbacks and messages that an app has given up",
    "open": "open the page of a job in the browser",
    "report": "print the page of a job with its data inside, as one HTML file",
    "prices": "write the table of prices by which costs are told",
    "demo": "run the sample job on a genome on this machine, from the queue message to the callback",
    "start": "run the whole stack on this machine, for development",
    "plan": "show the tasks and problems of a job; nothing is run or sent",
    "simulate": "tell what a job would take on pools of a size or with a formula, before it costs money",
    "fakebatch": "run only the fake Azure Batch",
    "doctor": "look at the surroundings of an app: what is wrong, and what mends it",
    "host": "run only the Functions host",
    "init": "create a new workload package from a template",
    "package": "build and publish the application package of a workload",
    "retention": "show what of old jobs is due to go; nothing is deleted without --delete",
    "workloads": "list the workloads that batchmgr finds on this machine",
}
"""Each command's name, which is also its module's name, and its text in `batchmgr --help`.

A command's module has `run`, a function whose parameters are the arguments, and which returns the exit code;
or `app`, a `typer.Typer` with commands of its own; or, if it is also a program without batchmgr's libraries,
`add_arguments(parser)` and `run(args)` for the standard library's `argparse`.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command, and return its exit code. A BatchmgrError is printed to stderr and gives 1."""
    argv = sys.argv[1:] if argv is None else argv
    if sys.version_info < (3, 11):
        return _without_libraries(argv, f"commands need Python 3.11 or newer, not {sys.version.split()[0]}")
    try:
        from batchmgr.cli.program import run_program
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] == "batchmgr":
            raise
        missing = f"{error.name} is not installed; install it with: pip install 'batchmgr[client]'"
        return _without_libraries(argv, missing)
    return run_program([*argv])


def _without_libraries(argv: Sequence[str], why: str) -> int:
    """Print which commands there are, if that was asked; else why none can run. Return the exit code."""
    if not set(argv) <= {"-h", "--help"}:
        print(f"batchmgr: {why}", file=sys.stderr)
        return 1
    print(f"usage: batchmgr COMMAND ...\n\n{why}\n\nCommands:")
    for name, text in COMMANDS.items():
        print(f"  {name:<12}  {text}")
    return 0
