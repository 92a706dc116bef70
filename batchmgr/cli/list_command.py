"""`batchmgr list`: lists jobs, the newest first."""

from itertools import islice
from typing import Annotated

from batchmgr.cli.app_command import calls_app
from batchmgr.cli.arguments import option
from batchmgr.cli.job_selection import Metadata, Prefix, Since, State, Until, metadata_of
from batchmgr.cli.job_text import counts_text
from batchmgr.cli.output import Output, print_each, say, table
from batchmgr.cli.times import moment_of, shown_span
from batchmgr.client.answers import Job
from batchmgr.client.sync_client import Client


@calls_app
def run(
    app: Client,
    state: State = "",
    workload: Annotated[str, option("--workload", text="only jobs of this workload")] = "",
    prefix: Prefix = "",
    metadata: Metadata = None,
    since: Since = "",
    until: Until = "",
    limit: Annotated[int, option("--limit", min=1, text="how many to list (default 50)")] = 50,
    output: Output = "text",
) -> int:
    """List jobs. Return 0."""
    found = app.jobs(
        state=state,
        workload=workload,
        prefix=prefix,
        metadata=metadata_of(metadata),
        since=moment_of(since),
        until=moment_of(until),
        page_size=min(limit + 1, 500),
    )
    jobs = list(islice(found, limit + 1))
    is_all = len(jobs) <= limit
    if output == "text":
        rows = [_row(job) for job in jobs[:limit]]
        print(table(("JOB", "STATE", "AGE", "TASKS", "WORKLOAD"), rows)) if rows else say(
            "There are no such jobs."
        )
    else:
        print_each(jobs[:limit], output, text=str, name=lambda job: job.job_id)
    if not is_all:
        say(f"There are more than {limit}: give a higher --limit, or say which.")
    return 0


def _row(job: Job) -> tuple[str, ...]:
    return (job.job_id, job.state, shown_span(job.created_at, None), counts_text(job), job.workload)
