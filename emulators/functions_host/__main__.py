"""`python -m functions_host`: the host on its own."""

import argparse
import sys

from functions_host.host_command import add_arguments, run


def main() -> int:
    """Run the command with the arguments of this process; returns the exit code."""
    parser = argparse.ArgumentParser(prog="batchmgr host", description="Run a function app on this machine.")
    add_arguments(parser)
    return run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
