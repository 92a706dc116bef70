"""What it costs to read the timeline of a job of 100,000 tasks from its log, on Azurite.

    python -m benchmarks.scale.timelines

The log is made up: each task is seen running, and succeeded. It is read as if for the first time, and again,
when what was read has been kept.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import msgspec

from batchmgr.bootstrap import open_ports, prepare_storage
from batchmgr.model.batch_snapshots import TaskSnapshot
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.ports import Ports
from batchmgr.usecases.read_timeline import read_timeline
from batchmgr.wire.events import task_events
from batchmgr.wire.timeline_answer import timeline_answer
from benchmarks.scale.services import running_azurite, storage_settings
from benchmarks.scale.table import Row, show

TASKS = 100_000
AT_ONCE = 5_000
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NODES = 100


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale.timelines", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="how often each is done (default: 3)")
    with running_azurite() as storage:
        found = rows(storage, parser.parse_args().runs)
    show(found)
    sys.exit(any(row.verdict == "FAIL" for row in found))


def rows(storage: str, runs: int) -> list[Row]:
    """Measure the quickest of some first readings, and of some others."""
    return asyncio.run(_rows(storage, runs))


async def _rows(storage: str, runs: int) -> list[Row]:
    settings = storage_settings(storage)
    await prepare_storage(settings)
    record = JobRecord(
        job_id="job", state=JobState.RUNNING, workload="w", digest="d", created_at=NOW, updated_at=NOW
    )
    async with open_ports(settings) as ports:
        size = await _log(ports, record)
        first = min([await _first(ports, record) for _ in range(runs)])
        again = min([await _measured(ports, record) for _ in range(runs)])
    what = "a timeline of 100,000 tasks"
    beside = f"{first[1]:.1f} s of CPU, a log of {size / 1e6:.0f} MB"
    return [
        Row(
            what=f"{what}, for the first time",
            value=first[0],
            unit="s",
            limit=1,
            beside=beside,
        ),
        Row(what=f"{what}, again", value=again[0], unit="s", limit=1, beside=f"{again[1]:.1f} s of CPU"),
    ]


async def _first(ports: Ports, record: JobRecord) -> tuple[float, float]:
    """Return how long an answer takes if nothing is kept of the log."""
    await ports.timelines.delete(record.job_id)
    return await _measured(ports, record)


async def _measured(ports: Ports, record: JobRecord) -> tuple[float, float]:
    """Return how long an answer takes, by the clock and of the processor."""
    begun, cpu = time.perf_counter(), time.process_time()
    timeline = await read_timeline(ports, record)
    body = msgspec.json.encode(timeline_answer(record, timeline, NOW))
    if len(timeline.task_id) != TASKS or len(body) < TASKS * 10:
        raise RuntimeError(f"the timeline has {len(timeline.task_id)} tasks")
    return time.perf_counter() - begun, time.process_time() - cpu


async def _log(ports: Ports, record: JobRecord) -> int:
    """Write the log, and return its size."""
    offset = 0
    for portion in batched(_snapshots(), AT_ONCE):
        events = [event for task in portion for event in task_events(record.job_id, task)]
        end = await ports.events.end(record.job_id, offset)
        _, offset = await ports.events.append(record.job_id, events, end)
    return offset


def batched(tasks: Iterator[TaskSnapshot], size: int) -> Iterator[list[TaskSnapshot]]:
    """Yield the tasks in lists of this size."""
    while portion := list(islice(tasks, size)):
        yield portion


def _snapshots() -> Iterator[TaskSnapshot]:
    for number in range(TASKS):
        start = NOW + timedelta(seconds=number / 10)
        running = TaskSnapshot(
            task_id=f"count-{number}",
            display_name="CountKmers",
            state="running",
            state_transition_time=start,
            start_time=start,
            node_id=f"tvmps_{number % NODES:064x}_d",
        )
        yield running
        end = start + timedelta(seconds=30)
        yield msgspec.structs.replace(
            running, state="completed", state_transition_time=end, result="success", exit_code=0, end_time=end
        )


if __name__ == "__main__":
    main()
