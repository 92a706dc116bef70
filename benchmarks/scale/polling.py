"""Polls of one process, as `benchmarks.scale.polls` measures them. Each run is a process of its own.

    python -m benchmarks.scale.polling changes http://127.0.0.1:PORT --storage CONNECTION_STRING

prints what the polls have cost, as JSON. `changes` polls one job of 100,000 tasks whose tasks complete.
`ticks` polls 10 jobs that do not change, then 100, and so on up to `--jobs`, all of them with each tick.
"""

import argparse
import asyncio
import gc
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import msgspec
from azure.storage.queue.aio import QueueClient

from batchmgr.adapters.queue_names import POLLS
from batchmgr.bootstrap import open_ports, prepare_storage
from batchmgr.functions.queue_polls import poll_share
from batchmgr.model.active_job import ActiveJob
from batchmgr.model.batch_snapshots import TaskCounts
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import Run
from batchmgr.model.job_states import JobState
from batchmgr.model.size_limits import size_of
from batchmgr.model.telemetry_names import CALL_DURATION, OPERATION, SERVICE, Metric
from batchmgr.model.usage import NodeFacts, Usage
from batchmgr.ports import Ports
from batchmgr.settings import Settings
from batchmgr.telemetry_port import Attributes, NoTelemetry
from batchmgr.usecases.poll import poll
from batchmgr.wire.message_text import json_text
from benchmarks.scale.routes import KEY
from benchmarks.scale.stub_batch import Change

TASKS = 100_000
CHANGED = 10_000
ROUNDS = 5
SIZES = (10, 100, 1_000, 5_000)
MESSAGES_AT_ONCE = 8
"""How many messages one host works on: `batchSize` and `newBatchThreshold` of `host.json`."""

IDLE_JOBS_AT_ONCE = 32
IDLE, BURST = "unchanged", "burst"


class Poll(msgspec.Struct, frozen=True, kw_only=True):
    """What one poll has cost: seconds by the clock, seconds of processor time, and calls by kind.

    `record` is how many bytes the record of the job takes then, and `events` how many were logged.
    """

    wall: float
    cpu: float
    calls: dict[str, int]
    jobs: int = 1
    record: int = 0
    events: int = 0

    def calls_to(self, *kinds: str) -> int:
        """Return the number of calls whose kind begins with one of these."""
        return sum(number for kind, number in self.calls.items() if kind.startswith(kinds))


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """The polls of a job of many tasks.

    `idle`: nothing has changed. `changed`: 10,000 tasks have; `quiet`: the same, for jobs of which only the
    events of the job are sent. `burst`: 10,000 have, a second after the last time, ten times.
    """

    idle: Poll
    changed: list[Poll]
    quiet: list[Poll]
    burst: list[Poll]


class CountingTelemetry(NoTelemetry):
    """Counts the calls that the clients of Azure tell of."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    def record(self, metric: Metric, value: float, attributes: Attributes | None = None) -> None:
        """Count a call."""
        if metric is CALL_DURATION and attributes is not None:
            self.calls[f"{attributes[SERVICE]} {attributes[OPERATION]}"] += 1


class Measured:
    """The ports of an app, and what its polls cost."""

    def __init__(self, ports: Ports, queue: QueueClient, telemetry: CountingTelemetry, stub: str) -> None:
        self.ports = ports
        self._queue = queue
        self._telemetry = telemetry
        self._stub = stub

    async def poll(self, *, jobs: int = 1) -> Poll:
        """Poll as the timer does, and then as the queue trigger of one host does. Return what that costs.

        The calls of the host itself, to take and delete messages, are not counted.
        """
        self._telemetry.calls.clear()
        cpu, begun = time.process_time(), time.perf_counter()
        await poll(self.ports)
        await self._poll_shares()
        wall, cpu = time.perf_counter() - begun, time.process_time() - cpu
        return Poll(wall=wall, cpu=cpu, calls=dict(self._telemetry.calls), jobs=jobs)

    async def _poll_shares(self) -> None:
        gate = asyncio.Semaphore(MESSAGES_AT_ONCE)

        async def share(text: str) -> None:
            async with gate:
                await poll_share(self.ports, json_text(text.encode()))

        async with asyncio.TaskGroup() as group:
            async for message in self._queue.receive_messages(messages_per_page=MESSAGES_AT_ONCE):
                group.create_task(share(str(message.content)))
                await self._queue.delete_message(message)

    async def poll_changes(self, job_id: str, completed: int, since: datetime, until: datetime) -> Poll:
        """Have tasks complete between two times, and poll."""
        await asyncio.to_thread(self._complete, job_id, completed, since, until)
        before = await self._logged(job_id)
        cost = await self.poll()
        record = (await self.ports.jobs.load(job_id)).value
        logged = await self._logged(job_id) - before
        return msgspec.structs.replace(cost, record=size_of(record), events=logged)

    async def _logged(self, job_id: str) -> int:
        """Return how many events are in the log of a job."""
        record = (await self.ports.jobs.load(job_id)).value
        return (await self.ports.events.end(job_id, record.events_offset)).last

    def _complete(self, job_id: str, completed: int, since: datetime, until: datetime) -> None:
        change = Change(total=TASKS, completed=completed, since=since, until=until)
        request = urllib.request.Request(  # noqa: S310  # a stub on this machine
            f"{self._stub}/stub/jobs/{job_id}", data=msgspec.json.encode(change), method="POST"
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            answer.read()

    async def add_running(self, job_id: str, *notify: str) -> None:
        """Have a job that runs in Azure Batch, and has been told of just now.

        Its pool is known: that is one call, when the first task of a job has ended.
        """
        now = datetime.now(UTC)
        usage = Usage(nodes=NodeFacts(pool_id="pool", vm_size="Standard_D2s_v5"))
        await self.ports.jobs.create(
            JobRecord(
                job_id=job_id,
                state=JobState.RUNNING,
                workload="taskFactory",
                digest="digest",
                created_at=now,
                updated_at=now,
                pool_id="pool",
                in_batch=True,
                notify=notify,
                run=Run(total=2 * TASKS, usage=usage),  # it does not end here
                entered={JobState.RUNNING: now},
            )
        )
        await self.ports.jobs.activate(job_id)


async def changes(measured: Measured) -> Changes:
    """Poll a job of 100,000 tasks: without changes, with some, and with all of them in ten seconds."""
    now = datetime.now(UTC)
    jobs, burst_begin = measured.ports.jobs, now - timedelta(hours=1)
    await measured.add_running(IDLE)
    await measured.poll_changes(IDLE, 0, now, now)
    idle = await measured.poll()
    await jobs.deactivate(IDLE)
    changed, quiet, burst = list[Poll](), list[Poll](), list[Poll]()
    for number in range(ROUNDS):
        for costs, notify in ((changed, ()), (quiet, ("job.*",))):
            job_id = f"changed-{number}-{len(notify)}"
            await measured.add_running(job_id, *notify)
            costs.append(await measured.poll_changes(job_id, CHANGED, now - timedelta(seconds=1), now))
            await jobs.deactivate(job_id)
    await measured.add_running(BURST)
    for number in range(TASKS // CHANGED):
        since = burst_begin + timedelta(seconds=number)
        burst.append(await measured.poll_changes(BURST, CHANGED, since, since + timedelta(seconds=1)))
    await jobs.deactivate(BURST)
    return Changes(idle=idle, changed=changed, quiet=quiet, burst=burst)


async def ticks(measured: Measured, most: int) -> list[Poll]:
    """Poll more and more jobs that do not change. They stay in the index."""
    costs, jobs = list[Poll](), 0
    for size in [*(size for size in SIZES if size < most), most]:
        await add_idle(measured.ports, range(jobs, size))
        jobs = size
        costs.append(await measured.poll(jobs=jobs))
    return costs


async def add_idle(ports: Ports, numbers: range) -> None:
    """Add jobs to the index that have run for an hour, and whose records need no look for another one.

    They have no record: a poll that looked for one would take the job out of the index.
    """
    gate, now = asyncio.Semaphore(IDLE_JOBS_AT_ONCE), datetime.now(UTC)

    async def activate(number: int) -> None:
        async with gate:
            await ports.jobs.activate(idle_name(number))

    async def note(entry: ActiveJob) -> None:
        async with gate:
            await ports.jobs.note_active(
                ActiveJob(
                    job_id=entry.job_id,
                    state=JobState.RUNNING,
                    entered_at=now - timedelta(hours=1),
                    moved_at=now - timedelta(hours=1),
                    counts=TaskCounts(running=1),
                    look_at=now + timedelta(hours=1),
                    etag=entry.etag,
                )
            )

    await asyncio.gather(*map(activate, numbers))
    entries = [entry async for entry in ports.jobs.active_jobs() if entry.state is None]
    await asyncio.gather(*map(note, entries))


def idle_name(number: int) -> str:
    """Return the id of a job that does not change."""
    return f"idle-{number:05}"


@asynccontextmanager
async def opened(url: str, storage: str) -> AsyncIterator[Measured]:
    """Open everything that the app opens at its first call."""
    settings = Settings(
        storage_connection_string=storage, batch_endpoint=url, batch_account="account", batch_key=KEY
    )
    telemetry = CountingTelemetry()
    await prepare_storage(settings)
    async with (
        open_ports(settings, telemetry) as ports,
        QueueClient.from_connection_string(storage, POLLS) as queue,
    ):
        gc.freeze()  # as `batchmgr.runtime` does
        await poll(ports)  # to warm up
        yield Measured(ports, queue, telemetry, url)


async def run(what: str, url: str, storage: str, jobs: int) -> Changes | list[Poll]:
    """Measure one thing."""
    async with opened(url, storage) as measured:
        return await changes(measured) if what == "changes" else await ticks(measured, jobs)


def main() -> None:
    """Measure one thing, and print what it has cost."""
    parser = argparse.ArgumentParser(description="What polls cost.")
    parser.add_argument("what", choices=["changes", "ticks"])
    parser.add_argument("url")
    parser.add_argument("--storage", required=True)
    parser.add_argument("--jobs", type=int, default=SIZES[-1])
    arguments = parser.parse_args()
    found = asyncio.run(run(arguments.what, arguments.url, arguments.storage, arguments.jobs))
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")


if __name__ == "__main__":
    main()
