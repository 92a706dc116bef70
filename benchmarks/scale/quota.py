"""How well batchmgr uses a small quota of active jobs: `python -m benchmarks.scale.quota`.

The local stack runs with a fake Batch account of five active jobs, and polls as an app in Azure does, every
15 seconds. Many jobs of one task are sent, one after the other. What Azure Batch says of them is compared
with the ideal: a job takes as long as its task, a place is taken at the moment it becomes free, and jobs keep
their order. A job of the line is passed if one that was accepted later gets a place before it.
"""

import argparse
import asyncio
import os
import platform
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

import aiohttp
from azure.batch.aio import BatchClient
from azure.core.credentials import AzureNamedKeyCredential

from batchmgr.devstack.stack import Stack, StackOptions, running_stack
from batchmgr.wire.events import JOB_WAITING
from benchmarks.scale.services import further_hosts
from benchmarks.scale.table import Row, say, show

QUOTA = 5
LOADS = ((60, 1), (30, 15))
"""How many jobs are sent, and how many seconds each takes."""

POLLS = "*/15 * * * * *"
PAUSE = 0.5
PATIENCE = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True)
class Stay:
    """One job: when batchmgr has accepted it, when it has joined the line, when Azure Batch had it active.

    `task_began` and `task_ended` are those of its own task.
    """

    accepted: datetime
    waits_since: datetime | None
    began: datetime
    ended: datetime
    task_began: datetime
    task_ended: datetime


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale.quota", description="Use of a quota.")
    parser.add_argument(
        "--load",
        action="append",
        metavar="JOBSxSECONDS",
        help="how many jobs of how many seconds (default: 60x1 and 30x15)",
    )
    parser.add_argument("--hosts", type=int, default=1, help="how many hosts share the work (default: 1)")
    arguments = parser.parse_args()
    loads = [tuple(map(int, load.split("x"))) for load in arguments.load or ()] or LOADS
    say(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, quota {QUOTA}")
    found = rows(loads, hosts=arguments.hosts)
    show(found)
    sys.exit(any(row.verdict == "FAIL" for row in found))


def rows(loads: Sequence[tuple[int, ...]] = LOADS, *, hosts: int = 1) -> list[Row]:
    """Run each load, and return how the quota was used."""
    found: list[Row] = []
    for jobs, seconds in loads:
        found += asyncio.run(measure(jobs, seconds, hosts))
    return found


async def measure(jobs: int, seconds: int, hosts: int) -> list[Row]:
    """Run one load on a stack of its own, with so many hosts. The first one gets all requests and events."""
    options = StackOptions(active_jobs=QUOTA, host="embedded", poll_schedule=POLLS)
    async with running_stack(options) as stack:
        with further_hosts(stack.endpoints.settings_file, hosts - 1):
            return await stack.run_supervised(_measure(stack, jobs, seconds, hosts))


async def _measure(stack: Stack, jobs: int, seconds: int, hosts: int) -> list[Row]:
    async with aiohttp.ClientSession(stack.endpoints.functions) as api, account(stack) as batch:
        begun = time.monotonic()
        for number in range(jobs):
            await send(api, number, seconds)
        await until_ended(api, jobs)
        total = time.monotonic() - begun
        stays = [await stay(api, batch, number) for number in range(jobs)]
    load = f"{jobs} jobs of {seconds} s" + (f", {hosts} hosts" if hosts > 1 else "")
    return list(table(stays, load, total, jobs * seconds / QUOTA))


def table(stays: Sequence[Stay], load: str, total: float, ideal: float) -> list[Row]:
    """Return what the stays of all jobs say, from the first that began to the last."""
    begins, end = sorted(one.began for one in stays), max(one.began for one in stays)
    first = begins[QUOTA - 1]
    span = (end - first).total_seconds()
    changes = sorted([(one.began, 1) for one in stays] + [(one.ended, -1) for one in stays])
    active, before, used, full = 0, first, 0.0, 0.0
    for moment, change in changes:
        if first < moment <= end:
            lasted = (moment - before).total_seconds()
            used, full, before = used + lasted * active, full + lasted * (active >= QUOTA), moment
        active += change
    pairs = list(combinations(sorted(stays, key=lambda one: one.accepted), 2))
    wrong = [(earlier, later) for earlier, later in pairs if earlier.began > later.began]
    passed = [later for earlier, later in wrong if earlier.waits_since and earlier.waits_since < later.began]
    return [
        Row(what=f"{load}: time", value=total, unit="s"),
        Row(what=f"{load}: time by the ideal {ideal:g} s", value=total / ideal, unit="times", limit=1.25),
        Row(what=f"{load}: places in use", value=100 * used / span / QUOTA, unit="%", least=90),
        Row(what=f"{load}: time with all places in use", value=100 * full / span, unit="%"),
        Row(what=f"{load}: pairs out of order", value=100 * len(wrong) / len(pairs), unit="%", limit=2),
        Row(what=f"{load}: jobs of the line passed", value=100 * len(passed) / len(pairs), unit="%", limit=2),
        *parts(stays, load),
    ]


def parts(stays: Sequence[Stay], load: str) -> list[Row]:
    """Return what the mean job did with its place."""

    def mean(values: Sequence[timedelta]) -> float:
        return sum(values, timedelta()).total_seconds() / len(values)

    means = {
        "job created → task runs": mean([one.task_began - one.began for one in stays]),
        "task runs": mean([one.task_ended - one.task_began for one in stays]),
        "task ended → job ended": mean([one.ended - one.task_ended for one in stays]),
        "job ended → next job created": mean(gaps(stays)),
    }
    return [Row(what=f"{load}: {what}", value=value, unit="s") for what, value in means.items()]


def gaps(stays: Sequence[Stay]) -> list[timedelta]:
    """Return how long each place was free before it was taken: the n-th end goes with the n-th begin."""
    begins, ends = sorted(one.began for one in stays)[QUOTA:], sorted(one.ended for one in stays)
    return [began - ended for began, ended in zip(begins, ends, strict=False)]


async def send(api: aiohttp.ClientSession, number: int, seconds: int) -> None:
    """Send one job."""
    message = {"jobId": name(number), "tasks": [{"id": "only", "commandLine": f"sleep {seconds}"}]}
    async with api.post("/api/jobs", json=message) as answer:
        answer.raise_for_status()


async def until_ended(api: aiohttp.ClientSession, jobs: int) -> None:
    """Wait until all jobs have succeeded. One is asked for at a time: the host has other work to do."""
    async with asyncio.timeout(PATIENCE.total_seconds()):
        for number in reversed(range(jobs)):
            while (await get(api, number))["state"] != "succeeded":  # noqa: ASYNC110  # another process knows
                await asyncio.sleep(PAUSE)


async def get(api: aiohttp.ClientSession, number: int) -> dict[str, Any]:
    """Return a job."""
    async with api.get(f"/api/jobs/{name(number)}") as answer:
        answer.raise_for_status()
        return dict(await answer.json())


async def waits_since(api: aiohttp.ClientSession, number: int) -> datetime | None:
    """Return when a job has joined the line; None if it has not."""
    async with api.get(f"/api/jobs/{name(number)}/events") as answer:
        answer.raise_for_status()
        events = (await answer.json())["events"]
    return next((datetime.fromisoformat(e["time"]) for e in events if e["type"] == JOB_WAITING), None)


async def stay(api: aiohttp.ClientSession, batch: BatchClient, number: int) -> Stay:
    """Return when a job was active, as Azure Batch says."""
    job, task = await batch.get_job(name(number)), await batch.get_task(name(number), "only")
    if job.execution_info is None or task.execution_info is None:
        raise ValueError(f"{name(number)} has not run")
    return Stay(
        accepted=datetime.fromisoformat((await get(api, number))["createdAt"]),
        waits_since=await waits_since(api, number),
        began=known(job.creation_time),
        ended=known(job.execution_info.end_time),
        task_began=known(task.execution_info.start_time),
        task_ended=known(task.execution_info.end_time),
    )


def known(moment: datetime | None) -> datetime:
    """Return a moment that Azure Batch has to know by now."""
    if moment is None:
        raise ValueError("a job has not ended")
    return moment


@asynccontextmanager
async def account(stack: Stack) -> AsyncIterator[BatchClient]:
    """Open a client of the fake Batch account."""
    key = AzureNamedKeyCredential(stack.endpoints.batch_account, stack.endpoints.batch_key)
    async with BatchClient(stack.endpoints.batch, key) as batch:
        yield batch


def name(number: int) -> str:
    """Return the id of a job."""
    return f"job-{number:03}"


if __name__ == "__main__":
    main()
