"""The `batchmgr` command line. Each command is a module, which is imported only when the command runs."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from types import ModuleType
from typing import Sequence

from batchmgr.errors import BatchmgrError, MissingExtraError

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended early."""

COMMANDS = {
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
    "dead-letters": "list the callbacks and messages that an app has given up",
    "redrive": "have an app send the callback of a job again that it has given up",
}
"""Each command's name, which is also its module's name with `_` for `-`, and its text in `batchmgr --help`.

A command's module has `add_arguments(parser)` and `run(args)`, which returns the exit code.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command, and return its exit code. A BatchmgrError is printed to stderr and gives 1."""
    argv = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(
        prog="batchmgr", description="An event-driven control plane for Azure Batch."
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    parsers = {
        name: subparsers.add_parser(name, help=text, description=text) for name, text in COMMANDS.items()
    }
    try:
        if argv and (name := argv[0]) in COMMANDS:
            command = _load(name)
            command.add_arguments(parsers[name])
        args = parser.parse_args(argv)
        exit_code: int = command.run(args)
    except BatchmgrError as error:
        print(f"batchmgr {argv[0]}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return exit_code


def _load(name: str) -> ModuleType:
    """Import a command's module. Raises MissingExtraError, because only extras install what commands need."""
    if sys.version_info < (3, 11):
        raise MissingExtraError(f"this command needs Python 3.11 or newer, not {sys.version.split()[0]}")
    try:
        return import_module(f"batchmgr.cli.{name.replace('-', '_')}")
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] == "batchmgr":
            raise
        extra = "publish" if name == "package" else "local"
        raise MissingExtraError(
            f"{error.name} is not installed; install it with: pip install 'batchmgr[{extra}]'"
        ) from error
