"""`batchmgr submit`: sends a job, and follows it if asked."""

import sys
from pathlib import Path
from typing import Annotated

from batchmgr.cli.app_command import Timeout, calls_app, following
from batchmgr.cli.arguments import argument, option
from batchmgr.cli.exit_codes import exit_code_of
from batchmgr.cli.job_text import accepted_text, outcome_line
from batchmgr.cli.output import Output, one_line, print_one, say
from batchmgr.cli.times import seconds_of
from batchmgr.cli.watch import watch
from batchmgr.client.answers import Accepted
from batchmgr.client.sync_client import Client
from batchmgr.errors import BatchmgrError

Wait = Annotated[
    bool, option("-w", "--wait", text="wait for the end of the job; the exit code says how it ended")
]
Watch = Annotated[bool, option("--watch", text="show the job until it has ended")]


@calls_app
def run(
    app: Client,
    file: Annotated[str, argument("FILE", "a job message in JSON; - for standard input")],
    wait: Wait = False,
    watch_it: Watch = False,
    timeout: Timeout = "",
    output: Output = "text",
) -> int:
    """Send a job. Return 0, or with --wait and --watch the exit code for the job's state."""
    limit = seconds_of(timeout)
    return follow(app, app.submit(_message(file)), limit, output, wait=wait, watch_it=watch_it)


def follow(
    app: Client, accepted: Accepted, timeout_s: float | None, output: str, *, wait: bool, watch_it: bool
) -> int:
    """Print a job that was accepted; follow it if asked. With JSON, only its last state is printed."""
    job_id = accepted.job_id
    for warning in accepted.warnings:
        say(f"warning: {warning.field or 'message'}: {one_line(warning.reason)}")
    if not (wait or watch_it) or output == "name":
        print_one(accepted, output, text=lambda: accepted_text(accepted), name=job_id)
    elif output == "text":
        say(f"Job {job_id} is {accepted.state}.")
    if watch_it:
        return watch(app, job_id, timeout_s, output if output != "name" else "text")
    if not wait:
        return 0
    with following(job_id):
        outcome = app.wait(job_id, timeout_s=timeout_s)
    if output != "name":
        print_one(outcome, output, text=lambda: outcome_line(outcome), name=job_id)
    return exit_code_of(outcome.state)


def _message(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise BatchmgrError(f"{error.filename}: {error.strerror}.") from error
