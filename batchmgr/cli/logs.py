"""`batchmgr logs`: prints what tasks have written, of tasks that run and of tasks that have ended."""

import asyncio
import sys
from itertools import islice
from typing import Annotated

from batchmgr.cli.app_command import JobId, Last, calls_app, chosen_job, following
from batchmgr.cli.arguments import option
from batchmgr.cli.output import say
from batchmgr.client.answers import Task
from batchmgr.client.async_client import AsyncClient
from batchmgr.client.sync_client import Client
from batchmgr.errors import AppError

MOST_TASKS = 20
"""How many tasks are printed, or followed at the same time, if no task is named."""

FINALIZE_TASK = "batchmgr-finalize"

LOOK_S = 2.0
"""How long to wait for the next tasks that start."""


@calls_app
def run(
    app: Client,
    job: JobId = None,
    last: Last = False,
    task: Annotated[
        list[str] | None, option("-t", "--task", metavar="TASK", text="only this task; may be repeated")
    ] = None,
    failed: Annotated[
        bool, option("--failed", text="only tasks that have failed, and their stderr.txt")
    ] = False,
    follow: Annotated[
        bool, option("-f", "--follow", text="wait for the start, and print what is added until the end")
    ] = False,
    tail: Annotated[int | None, option("--tail", metavar="N", min=1, text="only the last N lines")] = None,
    file: Annotated[
        str,
        option("--file", metavar="PATH", text="which file (default: stdout.txt; with --failed, stderr.txt)"),
    ] = "",
) -> int:
    """Print logs. Of several tasks, each has a heading, or its name before each line if they are followed."""
    job_id = chosen_job(app, job, last)
    path = file or ("stderr.txt" if failed else "stdout.txt")
    with following(job_id):
        if follow and len(task or ()) != 1:
            return asyncio.run(_follow_all(app, job_id, task or [], path, tail, failed))
        names = task or _tasks(app, job_id, failed)
        for name in names:
            if len(names) > 1:
                print(f"==> {name} {path} <==", flush=True)
            for content in app.log(job_id, name, path, tail=tail, follow=follow):
                sys.stdout.buffer.write(content)
                sys.stdout.buffer.flush()
    return 0


def _tasks(app: Client, job_id: str, failed: bool) -> list[str]:
    """Return the ids of the tasks that have begun, or failed."""
    if failed:
        found = app.tasks(job_id, state="failed", page_size=MOST_TASKS + 1)
    else:
        found = (one for one in app.tasks(job_id) if _has_own_log(one))
    names = [one.task_id for one in islice(found, MOST_TASKS + 1)]
    if not names:
        say("No task has failed." if failed else "No task has begun.")
    if len(names) > MOST_TASKS:
        say(f"Only the first {MOST_TASKS} tasks are shown: name others with --task.")
    return names[:MOST_TASKS]


def _has_own_log(task: Task) -> bool:
    """Return whether a task has begun, and is not one that batchmgr has added to the job."""
    return task.state in ("running", "completed") and task.task_id != FINALIZE_TASK


async def _follow_all(
    app: Client, job_id: str, named: list[str], path: str, tail: int | None, failed: bool
) -> int:
    """Print the lines of several tasks as they come, each behind the name of its task, until the job ends."""
    address = app.address
    async with AsyncClient(address.url, key=address.key) as client, asyncio.TaskGroup() as group:
        begun: dict[str, asyncio.Task[None]] = {}
        while True:
            is_final = (await client.job(job_id)).is_final
            new = named or [
                one.task_id
                async for one in client.tasks(job_id, state="failed" if failed else "")
                if _has_own_log(one)
            ]
            for name in new:
                active = sum(not one.done() for one in begun.values())
                if name not in begun and (named or active < MOST_TASKS):
                    begun[name] = group.create_task(_follow(client, job_id, name, path, tail))
            if named or (is_final and set(new) <= begun.keys()):
                return 0
            await asyncio.sleep(LOOK_S)


async def _follow(client: AsyncClient, job_id: str, task_id: str, path: str, tail: int | None) -> None:
    rest = b""
    try:
        async for content in client.log(job_id, task_id, path, tail=tail, follow=True):
            *lines, rest = (rest + content).split(b"\n")
            for line in lines:
                _print_line(task_id, line)
    except AppError as error:
        say(f"{task_id}: {error}")
    if rest:
        _print_line(task_id, rest)


def _print_line(task_id: str, line: bytes) -> None:
    sys.stdout.buffer.write(b"%b | %b\n" % (task_id.encode(), line))
    sys.stdout.buffer.flush()
