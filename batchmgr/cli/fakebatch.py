"""`batchmgr fakebatch`: a local Azure Batch account that really runs the tasks."""

import argparse

from fakebatch import serve_command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command to a parser."""
    serve_command.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until the process is asked to end. Returns its exit status."""
    return serve_command.run(args)
