"""`batchmgr cancel`: cancels jobs."""

from batchmgr.cli.app_command import DryRun, JobIds, Last, Yes, calls_app
from batchmgr.cli.job_selection import Metadata, Prefix, State, act_on_jobs, selected_jobs
from batchmgr.cli.output import Output
from batchmgr.client.sync_client import Client


@calls_app
def run(
    app: Client,
    jobs: JobIds = None,
    last: Last = False,
    state: State = "",
    prefix: Prefix = "",
    metadata: Metadata = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    output: Output = "text",
) -> int:
    """Cancel jobs: those that are named, or those that are selected and have not ended. Return 0."""
    chosen = selected_jobs(app, jobs, last, state, prefix, metadata, among="active")
    return act_on_jobs(
        chosen, app.cancel, words=("Cancel", "is being cancelled"), dry_run=dry_run, yes=yes, output=output
    )
