"""The command line of the host. It needs only the standard library, so that `--help` always works."""

import argparse
from pathlib import Path

DESCRIPTION = """\
Run an Azure Functions app on this machine, without Azure Functions Core Tools.

The app is a directory with function_app.py (Python v2 programming model) and host.json. Settings come from
the environment and from local.settings.json. HTTP, queue, blob and timer triggers are supported. All but
HTTP need a storage account, or the emulator Azurite, in the setting AzureWebJobsStorage.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command to a parser."""
    parser.add_argument(
        "--script-root",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="directory of function_app.py and host.json (default: the current directory)",
    )
    parser.add_argument(
        "--port",
        type=int,
        default=7071,
        help="port of the HTTP server (default: 7071); 0 means any free port",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address that the HTTP server listens on (default: 127.0.0.1)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the URL as one line of JSON once the host has started"
    )
    parser.add_argument(
        "--enable-auth",
        action="store_true",
        help="check access keys, as in Azure; the keys are logged at the start",
    )
    parser.add_argument(
        "--blob-scan-interval",
        type=float,
        metavar="SECONDS",
        help="seconds between two scans for new blobs (default: 2 with Azurite and 10 in Azure, like Azure)",
    )
    parser.add_argument(
        "--patient",
        action="store_true",
        help="do not make me wait as Azure does: when the host is stopped, it returns its messages to their "
        "queues within a second; after a kill, timers and blobs go on within seconds, not after a minute; "
        "messages that functions send are received at once. Without it, the host behaves as in Azure: use "
        "that to test what happens to your app when a host ends",
    )
