"""The command line: one module a command, imported only when it is the chosen one."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from types import ModuleType
from typing import Sequence

from batchmgr.errors import BatchmgrError, MissingExtraError

INTERRUPTED = 130
"""Exit code of a command that was ended by Ctrl-C before it was done."""

COMMANDS = {
    "demo": "run the sample job on a genome, here, from the queue message to the callback",
    "start": "run the whole stack on this machine, to work against",
    "plan": "show what a job would be, and what is wrong with it; nothing is run or sent",
    "fakebatch": "run only the fake Azure Batch",
    "host": "run only the Functions host",
    "init": "write a workload package of your own, to start from",
    "package": "build the application package of a workload, and publish it",
    "workloads": "list the workloads that are known here",
}
"""Each command's name, which is also its module's, and what `batchmgr --help` says of it.

A command module has `add_arguments(parser)` and `run(args) -> int`, the exit code.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code. A known error is one clear message on stderr and exit code 1."""
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
    """A command's module. `pip install batchmgr` alone brings what workloads need, not what commands do."""
    if sys.version_info < (3, 11):
        raise MissingExtraError(f"needs Python 3.11 or newer, not {sys.version.split()[0]}")
    try:
        return import_module(f"batchmgr.cli.{name}")
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] == "batchmgr":
            raise
        extra = "publish" if name == "package" else "local"
        raise MissingExtraError(
            f"{error.name} is not installed; it comes with: pip install 'batchmgr[{extra}]'"
        ) from error
