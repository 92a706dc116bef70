"""Runs the host as a command of its own: `python -m functions_host`."""

import argparse
import sys

from functions_host.host_command import add_arguments, run

_DESCRIPTION = """\
Run an Azure Functions app on this machine, without Azure Functions Core Tools.

The app is a directory with function_app.py (Python v2 programming model) and host.json. Settings come from
the environment and from local.settings.json. HTTP, queue, blob and timer triggers are supported. All but
HTTP need a storage account, or the emulator Azurite, in the setting AzureWebJobsStorage.
"""


def main() -> int:
    """Run the command with the arguments of this process. Return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m functions_host",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    return run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
