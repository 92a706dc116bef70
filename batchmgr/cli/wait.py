"""`batchmgr wait`: waits until jobs have ended."""

from time import monotonic

from batchmgr.cli.app_command import JobIds, Last, Timeout, calls_app, chosen_jobs, following
from batchmgr.cli.exit_codes import exit_code_of
from batchmgr.cli.job_text import outcome_line
from batchmgr.cli.output import Output, print_each
from batchmgr.cli.times import seconds_of
from batchmgr.client.answers import Outcome
from batchmgr.client.sync_client import Client


@calls_app
def run(
    app: Client, jobs: JobIds = None, last: Last = False, timeout: Timeout = "", output: Output = "text"
) -> int:
    """Wait for the end of jobs. Return 0 if all have succeeded, else the code of the first that has not."""
    limit = seconds_of(timeout)
    ends_at = None if limit is None else monotonic() + limit
    outcomes: list[Outcome] = []

    def ended(job_id: str) -> Outcome:
        left = None if ends_at is None else max(0.0, ends_at - monotonic())
        with following(job_id):
            outcomes.append(app.wait(job_id, timeout_s=left))
        return outcomes[-1]

    each = (ended(job_id) for job_id in chosen_jobs(app, jobs, last))
    print_each(each, output, text=outcome_line, name=lambda outcome: outcome.job_id)
    return next((code for outcome in outcomes if (code := exit_code_of(outcome.state))), 0)
