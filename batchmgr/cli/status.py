"""`batchmgr status`: shows a job as it is now."""

from batchmgr.cli.app_command import JobId, Last, calls_app, chosen_job
from batchmgr.cli.job_text import job_text
from batchmgr.cli.output import Output, print_one
from batchmgr.client.answers import FailureGroup, Job
from batchmgr.client.sync_client import Client
from batchmgr.errors import AppError


@calls_app
def run(app: Client, job: JobId = None, last: Last = False, output: Output = "text") -> int:
    """Show a job. Return 0, whatever its state."""
    found = app.job(chosen_job(app, job, last))
    print_one(found, output, text=lambda: job_text(found, failure_groups(app, found)), name=found.job_id)
    return 0


def failure_groups(app: Client, job: Job) -> list[FailureGroup]:
    """Return the failed tasks of a job in groups. An older app has no such address."""
    if not job.counts.failed:
        return []
    try:
        return app.failures(job.job_id).groups
    except AppError as error:
        if error.status != 404:
            raise
        return []
