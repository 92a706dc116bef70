"""`batchmgr watch`: shows a job until it has ended, on a fixed number of lines.

Without a terminal, it prints a line for each change.
"""

import sys
from datetime import UTC, datetime

from batchmgr.cli.app_command import JobId, Last, Timeout, calls_app, chosen_job, following
from batchmgr.cli.exit_codes import exit_code_of
from batchmgr.cli.job_text import job_line
from batchmgr.cli.output import Output, print_one
from batchmgr.cli.status import failure_groups
from batchmgr.cli.times import seconds_of
from batchmgr.client.answers import Job
from batchmgr.client.sync_client import Client


@calls_app
def run(
    app: Client, job: JobId = None, last: Last = False, timeout: Timeout = "", output: Output = "text"
) -> int:
    """Show a job until it has ended. Return the exit code for its state."""
    return watch(app, chosen_job(app, job, last), seconds_of(timeout), output)


def watch(app: Client, job_id: str, timeout_s: float | None, output: str) -> int:
    """Show a job until it has ended. Return the exit code for its state."""
    with following(job_id):
        if output == "text" and sys.stdout.isatty():
            return exit_code_of(_watch_on_terminal(app, job_id, timeout_s).state)
        shown = None
        for job in app.watch(job_id, timeout_s=timeout_s):
            if output == "jsonl" or (output == "text" and _seen(job) != shown):
                print_one(job, output, text=lambda job=job: _line(job), name="")  # type: ignore[misc]
            shown = _seen(job)
            found = job
    if output in ("json", "name"):
        print_one(found, output, text=str, name=job_id)
    return exit_code_of(found.state)


def _watch_on_terminal(app: Client, job_id: str, timeout_s: float | None) -> Job:
    from batchmgr.cli.watch_view import WatchView

    with WatchView() as view:
        failed = 0
        for job in app.watch(job_id, timeout_s=timeout_s):
            if job.counts.failed != failed or job.is_final:
                failed = job.counts.failed
                view.show(job, failure_groups(app, job))
            else:
                view.show(job)
        return job


def _seen(job: Job) -> str:
    return job_line(job)


def _line(job: Job) -> str:
    time = job.updated_at or datetime.now(UTC)
    return f"{time.astimezone(UTC):%H:%M:%S}  {job_line(job)}"
