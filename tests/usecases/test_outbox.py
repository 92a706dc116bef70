"""The record and its outbox: what is saved together, and what the log is asked."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from batchmgr.dispatcher.memory_event_log import MemoryEventLog
from batchmgr.dispatcher.memory_ports import MemoryJobStore
from batchmgr.errors import RecordChangedError
from batchmgr.model.batch_snapshots import TaskCounts, TaskSnapshot
from batchmgr.model.cloud_event import Event, LogEnd
from batchmgr.model.job_record import JobRecord
from batchmgr.ports import Versioned
from batchmgr.steps.observe_tasks import observe
from batchmgr.steps.outbox import load
from batchmgr.usecases.accept import accept
from batchmgr.usecases.cancel import cancel
from batchmgr.usecases.submit import submit
from batchmgr.wire.events import JOB_PROGRESS
from tests.world import World, job_message, listed

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class WatchedLog(MemoryEventLog):
    """A log that keeps what offsets it was asked to look behind, and how long it was then."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[int, int]] = []

    async def end(self, job_id: str, offset: int) -> LogEnd:
        self.asked.append((offset, len(self.logs.get(job_id, []))))
        return await super().end(job_id, offset)


async def test_the_log_is_never_read_again_from_its_start() -> None:
    world = World()
    log = WatchedLog()
    world.events = log
    world.ports = replace(world.ports, events=log)
    await accept(world.ports, "job-1", job_message())
    await submit(world.ports, "job-1")
    assert log.asked == [(0, 0)]  # from then on, the record says where the log ends
    assert world.record().events_offset == 3


async def test_an_observation_counts_on_from_what_a_dead_process_has_logged() -> None:
    world = World()
    await accept(world.ports, "job-1", job_message())
    job = await load(world.ports, "job-1")
    with pytest.raises(KeyError):
        await observe(replace(world.ports, sink=Dead()), job, listed(snapshots(3)), COUNTS)
    others = TaskCounts(completed=5, succeeded=5)
    await observe(world.ports, await load(world.ports, "job-1"), listed(snapshots(5)), others)
    progress = [event for event in world.log() if event.type == JOB_PROGRESS]
    assert [event.id[-1] for event in progress] == ["1", "2"]
    assert [event.data["counts"] for event in progress] == [
        {"active": 0, "running": 0, "completed": counts.completed, "succeeded": counts.succeeded, "failed": 0}
        for counts in (COUNTS, others)
    ]
    assert len({event.id for event in world.log()}) == len(world.log())
    assert {event.id for event in world.log()} == {event.id for event in world.sink.sent}


def snapshots(count: int) -> list[TaskSnapshot]:
    return [
        TaskSnapshot(task_id=str(n), state="completed", state_transition_time=NOW, result="success")
        for n in range(count)
    ]


COUNTS = TaskCounts(completed=5000, succeeded=5000)


async def test_the_events_of_thousands_of_tasks_are_never_in_the_record() -> None:
    world = World()
    await accept(world.ports, "job-1", job_message())
    job = await load(world.ports, "job-1")
    largest = 0

    class Watched(MemoryJobStore):
        async def save(self, record: JobRecord, etag: str) -> Versioned[JobRecord]:
            nonlocal largest
            largest = max(largest, len(record.outbox))
            return await super().save(record, etag)

    store = Watched(world.clock)
    store.requests, store.records, store.active = world.jobs.requests, world.jobs.records, world.jobs.active
    await observe(replace(world.ports, jobs=store), job, listed(snapshots(5000)), COUNTS)
    assert largest == 0
    assert len(world.log()) == 5002
    assert {event.id for event in world.sink.sent} == {event.id for event in world.log()}


async def test_what_a_dead_process_has_logged_is_sent_by_the_next_one_and_not_logged_again() -> None:
    world = World()
    await accept(world.ports, "job-1", job_message())
    job = await load(world.ports, "job-1")
    dead = replace(world.ports, sink=Dead())
    with pytest.raises(KeyError):
        await observe(dead, job, listed(snapshots(3)), COUNTS)
    await cancel(world.ports, "job-1")  # somebody else publishes an event in between
    job = await load(world.ports, "job-1")
    await observe(world.ports, job, listed(snapshots(5)), COUNTS)
    ids = [event.id for event in world.log()]
    assert len(ids) == len(set(ids))
    assert set(ids) == {event.id for event in world.sink.sent}


class Dead:
    """A queue at which the process dies."""

    async def send(self, events: Sequence[Event]) -> None:
        raise KeyError("killed")

    async def check(self) -> None:
        raise KeyError("killed")


async def test_an_observation_of_the_past_is_not_logged_after_somebody_else_has_gone_on() -> None:
    world = World()
    await accept(world.ports, "job-1", job_message())
    past = await load(world.ports, "job-1")
    await submit(world.ports, "job-1")
    before = world.log()
    with pytest.raises(RecordChangedError):
        await observe(world.ports, past, listed(snapshots(3)), COUNTS)
    assert world.log() == before
