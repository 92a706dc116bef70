"""`batchmgr init`: a workload package of your own, to start from."""

import argparse
from pathlib import Path

from batchmgr.packaging.create_workload import create_workload, next_commands


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("name", metavar="NAME", help="the package's name, such as my_workload")
    parser.add_argument(
        "--dir", type=Path, default=Path(), metavar="DIR", help="where its directory is made; default: here"
    )


def run(args: argparse.Namespace) -> int:
    """Write it, and print what to do next; the exit code."""
    directory = create_workload(args.name, args.dir)
    print(f"{directory} is written. Install it, test it, run it here:\n")
    for command in next_commands(args.name, directory):
        print(f"  {command}")
    return 0
