"""`batchmgr open`: opens the dashboard on a job in the browser, and prints its address."""

import os
import sys
from urllib.parse import urlencode

import typer

from batchmgr.cli.app_command import JobId, Last, calls_app, chosen_job
from batchmgr.client.sync_client import Client


@calls_app
def run(app: Client, job: JobId = None, last: Last = False) -> int:
    """Print the address of a job's page. On a terminal with a display, open it too. Return 0."""
    address = f"{app.address.api}/dashboard?{urlencode({'job': chosen_job(app, job, last)})}"
    print(address)
    has_display = sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if sys.stdout.isatty() and has_display:
        typer.launch(address)
    return 0
