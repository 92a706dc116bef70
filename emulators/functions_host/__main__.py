"""Runs the host as a command of its own: `python -m functions_host`."""

import argparse
import sys
from importlib.metadata import packages_distributions

from functions_host.host_arguments import DESCRIPTION, add_arguments

EXTRA = "functions-host"
"""The extra of the distribution that installs what the host needs."""


def main() -> int:
    """Run the command with the arguments of this process. Return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m functions_host",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    arguments = parser.parse_args()
    try:
        from functions_host.host_command import run

        return run(arguments)  # which imports the rest while it starts
    except ModuleNotFoundError as error:
        distribution = packages_distributions()["functions_host"][0]
        sys.stderr.write(
            f"{error.name} is not installed. Install it with: pip install '{distribution}[{EXTRA}]'\n"
        )
        return 1


if __name__ == "__main__":
    sys.exit(main())
