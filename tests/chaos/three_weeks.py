"""Three weeks of jobs on a virtual clock: what is stored, day by day.

`python -m tests.chaos.three_weeks docs/images/retention.svg` draws it.
"""

import asyncio
import sys
from collections.abc import Mapping, Sequence, Sized
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from msgspec.structs import replace as changed

from batchmgr.model.retention import Retention
from batchmgr.usecases.retain import retain
from benchmarks.scale.plots import draw_days
from tests.usecases.sweep_workload import Sweep, sweep_message
from tests.virtual_time import VirtualTimeLoop
from tests.world import World, job_message, task

DAY = timedelta(days=1)
KEEP = Retention(batch_jobs=2 * DAY, jobs=7 * DAY, messages=3 * DAY)
"""Shorter than the defaults, so that three weeks show what happens then."""


class AgedPoison:
    """The OldMessages port on the poison queues of a world: a message is as old as its first count says."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._came: dict[bytes, datetime] = {}

    def look(self) -> None:
        """Note when new messages have come."""
        for body in self._world.queue.poison:
            self._came.setdefault(body, self._world.clock.now())

    async def count(self, before: datetime) -> Mapping[str, int]:
        old = [body for body in self._world.queue.poison if self._came[body] < before]
        return {"batchmgr-job-requests-poison": len(old)} if old else {}

    async def remove(self, before: datetime) -> Mapping[str, int]:
        found = await self.count(before)
        kept = [body for body in self._world.queue.poison if self._came[body] >= before]
        self._world.queue.poison[:] = kept
        return found


async def three_weeks(
    jobs_a_day: int, *, days: int = 21, keep: Retention = KEEP
) -> Sequence[Mapping[str, int]]:
    """Send jobs of several kinds at even times, and let the retention run each night.

    Return what is there at the end of each day: `blobs`, `messages` and `batchJobs`.
    """
    world = Sweep().world()
    poison = AgedPoison(world)
    world.ports = replace(world.ports, keep=keep, old_messages=poison)
    rows = []
    for day in range(days):
        for number in range(jobs_a_day):
            began = world.clock.now()
            _send(world, f"job-{day:02}-{number:04}", number)
            await world.run_until_idle()
            poison.look()
            await world.clock.sleep(DAY / jobs_a_day - (world.clock.now() - began))
        await retain(world.ports)
        rows.append({"day": day + 1, **_count(world, keep)})
    return rows


def _send(world: World, job_id: str, number: int) -> None:
    """Send one job. Of ten, one is a workload's, one has a task that fails, and one can't be read."""
    match number % 10:
        case 0:
            world.enqueue(changed(sweep_message(), job_id=job_id), job_id)
        case 1:
            world.enqueue(job_message(task("1"), task("2", "/bin/false"), job_id=job_id), job_id)
        case 2:
            world.enqueue(f"no job {job_id}".encode(), job_id)
        case 3:
            world.enqueue(changed(job_message(job_id=job_id), retention_time=DAY), job_id)
        case _:
            world.enqueue(job_message(job_id=job_id), job_id)


def _count(world: World, keep: Retention) -> Mapping[str, int]:
    """Return what is there. Queue storage removes events by itself when their time is up."""
    jobs, now = world.jobs, world.clock.now()
    stores: list[Sized] = [jobs.records, jobs.requests, jobs.plans, jobs.tasks, jobs.active]
    stores += [world.events.logs, world.finalize.blobs, world.files.blobs]
    blobs = sum(len(store) for store in stores)
    assert keep.messages is not None
    world.sink.sent = [event for event in world.sink.sent if event.time >= now - keep.messages]
    messages = len(world.sink.sent) + len(world.queue.poison) + len(world.queue.messages)
    return {"blobs": blobs, "messages": messages, "batchJobs": len(world.batch.jobs)}


def main() -> None:
    """Draw the plot."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        rows = runner.run(three_weeks(jobs_a_day=96))
    names = {"blobs": "blobs", "messages": "events and messages in queues", "batchJobs": "Batch jobs"}
    draw_days(rows, names, Path(sys.argv[1]))


if __name__ == "__main__":
    main()
