"""`batchmgr dead-letters`: lists what an app has given up or could not use, the newest first."""

from itertools import islice
from typing import Annotated

from batchmgr.cli.app_command import calls_app
from batchmgr.cli.arguments import option
from batchmgr.cli.output import Output, one_line, print_each, say
from batchmgr.client.answers import DeadLetter
from batchmgr.client.sync_client import Client

MOST_AT_ONCE = 500


@calls_app
def run(
    app: Client,
    limit: Annotated[int, option("--limit", min=1, text="how many to list (default: 50)")] = 50,
    output: Output = "text",
) -> int:
    """List the dead letters. Return 0."""
    found = app.dead_letters(page_size=min(limit, MOST_AT_ONCE))
    letters = list(islice(found, limit))
    print_each(letters, output, text=_line, name=lambda letter: letter.id)
    if not letters:
        say("There are no dead letters.")
    elif next(found, None) is not None:
        say("There are more: give a higher --limit.")
    return 0


def _line(letter: DeadLetter) -> str:
    """Return one line of the list: when, what, and why."""
    if letter.job_id:
        what = f"the {letter.kind} of job {letter.job_id} to {letter.receiver}"
    else:
        what = f"message {letter.message_id} in {letter.queue}"
    time = f"{letter.time:%Y-%m-%dT%H:%M:%SZ}" if letter.time else ""
    return f"{time}  {what}: {one_line(letter.reason)}"
