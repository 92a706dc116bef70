"""`batchmgr events`: prints the events of a job."""

from typing import Annotated

from batchmgr.cli.app_command import JobId, Last, calls_app, chosen_job, following
from batchmgr.cli.arguments import option
from batchmgr.cli.event_text import event_line
from batchmgr.cli.output import Output, print_each
from batchmgr.client.sync_client import Client


@calls_app
def run(
    app: Client,
    job: JobId = None,
    last: Last = False,
    follow: Annotated[bool, option("-f", "--follow", text="go on until the job has ended")] = False,
    after: Annotated[int, option("--after", metavar="N", min=0, text="only events after this number")] = 0,
    output: Output = "text",
) -> int:
    """Print events, the oldest first. Return 0."""
    job_id = chosen_job(app, job, last)
    with following(job_id):
        found = app.events(job_id, after=after, follow=follow)
        print_each(found, output, text=event_line, name=lambda event: event.id)
    return 0
