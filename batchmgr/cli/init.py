"""`batchmgr init`: creates a new workload package."""

from pathlib import Path
from typing import Annotated

from batchmgr.cli.arguments import argument, option
from batchmgr.packaging.create_workload import create_workload, next_commands


def run(
    name: Annotated[str, argument("NAME", "the package's name, such as my_workload")],
    parent: Annotated[
        Path,
        option(
            "--dir", metavar="DIR", text="the parent of the package's directory (default: the current one)"
        ),
    ] = Path(),
) -> int:
    """Create the package, print the next commands, and return the exit code."""
    directory = create_workload(name, parent)
    print(f"Created {directory}. Install it, test it and run it:\n")
    for command in next_commands(name, directory):
        print(f"  {command}")
    return 0
