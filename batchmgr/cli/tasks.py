"""`batchmgr tasks`: lists the tasks of a job."""

from itertools import islice
from typing import Annotated

from batchmgr.cli.app_command import JobId, Last, calls_app, chosen_job
from batchmgr.cli.arguments import option
from batchmgr.cli.output import Output, one_line, print_each, say, table
from batchmgr.cli.times import shown_span
from batchmgr.client.answers import Task
from batchmgr.client.sync_client import Client

MOST_AT_ONCE = 1000


@calls_app
def run(
    app: Client,
    job: JobId = None,
    last: Last = False,
    state: Annotated[
        str,
        option("--state", text="only these: active, preparing, running, completed, succeeded or failed"),
    ] = "",
    exit_code: Annotated[
        int | None, option("--exit-code", metavar="N", text="only tasks that ended with this exit code")
    ] = None,
    error: Annotated[str, option("--error", metavar="TYPE", text="only tasks with this type of error")] = "",
    kind: Annotated[str, option("--kind", text="only tasks of this kind")] = "",
    node: Annotated[str, option("--node", metavar="ID", text="only tasks on this node")] = "",
    limit: Annotated[int, option("--limit", min=0, text="how many to list; 0 for all (default 100)")] = 100,
    output: Output = "text",
) -> int:
    """List tasks. Return 0."""
    found = app.tasks(
        chosen_job(app, job, last),
        state=state,
        exit_code=exit_code,
        error=error,
        kind=kind,
        node=node,
        page_size=min(limit + 1, MOST_AT_ONCE) if limit else MOST_AT_ONCE,
    )
    tasks = islice(found, limit) if limit else found
    if output == "text":
        rows = [_row(task) for task in tasks]
        header = ("TASK", "STATE", "KIND", "TIME", "EXIT", "ERROR")
        print(table(header, rows)) if rows else say("There are no such tasks.")
    else:
        print_each(tasks, output, text=str, name=lambda task: task.task_id)
    if limit and next(found, None) is not None:
        say(f"There are more than {limit}: --limit 0 lists all.")
    return 0


def _row(task: Task) -> tuple[str, ...]:
    exit_code = "" if task.exit_code is None else str(task.exit_code)
    error = one_line(f"{task.error.type}: {task.error.message}") if task.error else ""
    took = shown_span(task.start_time, task.end_time) if task.start_time else ""
    return (task.task_id, task.word, task.kind, took, exit_code, error)
