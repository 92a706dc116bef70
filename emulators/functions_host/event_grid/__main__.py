"""Runs the topic as a command of its own: `python -m functions_host.event_grid`."""

import argparse
import sys

from functions_host.event_grid.topic_command import add_arguments, run

_DESCRIPTION = """\
Raise Event Grid events for the blobs of a storage account that has no Event Grid, such as Azurite.

The command watches the containers, and sends an event Microsoft.Storage.BlobCreated to a webhook for each new
or overwritten blob. Use it to run Azure Functions with a blob trigger of the source EventGrid on one machine:

    python -m functions_host.event_grid --container uploads \\
        --webhook 'http://localhost:7071/runtime/webhooks/blobs?functionName=Host.Functions.on_upload'

If the host checks keys, add &code=KEY with the system key blobs_extension. Events are delivered at least once
and in any order, as in Azure. Ctrl+C stops the command.
"""


def main() -> int:
    """Run the command with the arguments of this process. Return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m functions_host.event_grid",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    return run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
