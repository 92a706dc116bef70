"""`batchmgr redrive`: has an app send the callback of a job again that it has given up."""

from batchmgr.cli.app_command import JobId, Last, calls_app, chosen_job
from batchmgr.cli.output import Output, print_one
from batchmgr.client.answers import Accepted
from batchmgr.client.sync_client import Client


@calls_app
def run(app: Client, job: JobId = None, last: Last = False, output: Output = "text") -> int:
    """Redrive the callback. Return 0."""
    found = app.redrive(chosen_job(app, job, last))
    print_one(found, output, text=lambda: _text(found), name=found.job_id)
    return 0


def _text(found: Accepted) -> str:
    return f"The callback of job {found.job_id} is sent again. Follow it: {found.status_uri}"
