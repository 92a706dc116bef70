"""`batchmgr fakebatch`: the same command as `python -m fakebatch`."""

import argparse

from fakebatch import serve_command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command to a parser."""
    serve_command.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until the process gets SIGTERM or SIGINT. Returns the exit status."""
    return serve_command.run(args)
