"""`batchmgr init`: creates a new workload package."""

import argparse
from pathlib import Path

from batchmgr.packaging.create_workload import create_workload, next_commands


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("name", metavar="NAME", help="the package's name, such as my_workload")
    parser.add_argument(
        "--dir",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="the parent of the package's directory (default: the current one)",
    )


def run(args: argparse.Namespace) -> int:
    """Create the package, print the next commands, and return the exit code."""
    directory = create_workload(args.name, args.dir)
    print(f"Created {directory}. Install it, test it and run it:\n")
    for command in next_commands(args.name, directory):
        print(f"  {command}")
    return 0
