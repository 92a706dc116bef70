"""`batchmgr rerun`: runs the tasks of a job again that have not succeeded, as a new job."""

from typing import Annotated

from batchmgr.cli.app_command import JobId, Last, Timeout, calls_app, chosen_job
from batchmgr.cli.arguments import option
from batchmgr.cli.output import Output
from batchmgr.cli.submit import Wait, Watch, follow
from batchmgr.cli.times import seconds_of
from batchmgr.client.sync_client import Client


@calls_app
def run(
    app: Client,
    job: JobId = None,
    last: Last = False,
    all_tasks: Annotated[
        bool, option("--all", text="run all tasks again, also those that have succeeded")
    ] = False,
    new_id: Annotated[
        str,
        option("--new-id", metavar="JOB", text="the id of the new job (default: made from that of the job)"),
    ] = "",
    callback: Annotated[
        str | None,
        option(
            "--callback",
            metavar="URI",
            text="who is called at the end (default: as for the job; '' for nobody)",
        ),
    ] = None,
    wait: Wait = False,
    watch_it: Watch = False,
    timeout: Timeout = "",
    output: Output = "text",
) -> int:
    """Run a job again. Return 0, or with --wait and --watch the exit code for the new job's state."""
    limit = seconds_of(timeout)
    accepted = app.rerun(
        chosen_job(app, job, last),
        tasks="all" if all_tasks else "failed",
        new_job_id=new_id,
        callback_uri=callback,
    )
    return follow(app, accepted, limit, output, wait=wait, watch_it=watch_it)
