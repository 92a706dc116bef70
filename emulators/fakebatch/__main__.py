"""`python -m fakebatch`: run the fake Azure Batch."""

import argparse
import sys
from importlib.metadata import packages_distributions

from fakebatch.serve_arguments import DESCRIPTION, add_arguments

EXTRA = "fakebatch"
"""The extra of the distribution that installs what the service needs."""


def main() -> int:
    """Run the command with the arguments of this process. Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m fakebatch", description=DESCRIPTION)
    add_arguments(parser)
    arguments = parser.parse_args()
    try:
        from fakebatch.serve_command import run
    except ModuleNotFoundError as error:
        distribution = packages_distributions()["fakebatch"][0]
        sys.stderr.write(
            f"{error.name} is not installed. Install it with: pip install '{distribution}[{EXTRA}]'\n"
        )
        return 1
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
