"""`batchmgr redrive`: has an app send again what it has given up of a job: callbacks, events for webhooks."""

from batchmgr.cli.app_command import JobId, Last, calls_app, chosen_job
from batchmgr.cli.output import Output, print_one
from batchmgr.client.answers import Accepted
from batchmgr.client.sync_client import Client


@calls_app
def run(app: Client, job: JobId = None, last: Last = False, output: Output = "text") -> int:
    """Redrive the callbacks and webhooks. Return 0."""
    found = app.redrive(chosen_job(app, job, last))
    print_one(found, output, text=lambda: _text(found), name=found.job_id)
    return 0


def _text(found: Accepted) -> str:
    return f"What was given up of job {found.job_id} is sent again. Follow it: {found.status_uri}"
