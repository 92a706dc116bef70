"""Retention: what goes when, what stays, and where a run goes on."""

import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from batchmgr.dispatcher.memory_ports import MemoryFinalizeSignal, MemoryUploads
from batchmgr.errors import ServiceBusyError, ServiceRefusedError
from batchmgr.model.dead_letter import message_letter
from batchmgr.model.job_states import JobState
from batchmgr.model.retention import EndedJob, Retention, RetentionPlace
from batchmgr.ports import Ports
from batchmgr.usecases.purge import purge
from batchmgr.usecases.retain import find_due, retain
from tests.chaos.interception import intercepted
from tests.fake_files import FakeJobFiles
from tests.usecases.test_purge import ended, what_is_there
from tests.world import World, job_message

DAY = timedelta(days=1)


async def jobs(world: World, *names: str) -> None:
    """Let jobs of these names run to their end."""
    for name in names:
        world.enqueue(job_message(job_id=name), name)
    await world.run_until_idle()


def keep(world: World, **times: timedelta | None) -> None:
    """Keep things for other times than by default."""
    world.ports = replace_ports(world.ports, keep=Retention(**times))


def replace_ports(ports: Ports, **changes: Any) -> Ports:
    return dataclasses.replace(ports, **changes)


async def test_first_the_batch_job_goes_and_then_everything() -> None:
    world = await ended()
    for days, left in ((6, True), (2, False), (21, False)):
        world.clock.advance(days * DAY)
        await retain(world.ports)
        assert ("Batch job" in what_is_there(world)) == left
        assert {"record", "request", "log"} <= set(what_is_there(world))
    assert world.record().state is JobState.SUCCEEDED
    world.clock.advance(1.1 * DAY)
    await retain(world.ports)
    assert what_is_there(world) == []


async def test_a_night_of_batch_jobs_does_not_wait_until_each_is_deleted() -> None:
    world = World()
    names = [f"job-{number:03}" for number in range(200)]
    await jobs(world, *names)
    world.batch.delete_takes = timedelta(minutes=1)
    world.clock.advance(8 * DAY)
    begun = world.clock.now()
    await retain(world.ports)
    assert world.clock.now() - begun < timedelta(seconds=1)
    assert sorted(world.batch.deleted) == names
    await retain(world.ports)
    assert len(world.batch.deleted) == 200


async def test_a_job_says_itself_how_long_it_is_kept() -> None:
    world = World()
    world.enqueue(replace(job_message(job_id="long"), retention_time=90 * DAY), "1")
    world.enqueue(replace(job_message(job_id="short"), retention_time=DAY / 2), "2")
    await world.run_until_idle()
    for days, left in ((0.6, ["long"]), (80, ["long"]), (10, [])):
        world.clock.advance(days * DAY)
        await retain(world.ports)
        assert sorted(world.jobs.records) == left


async def test_for_ever_is_for_ever() -> None:
    world = await ended()
    keep(world, batch_jobs=None, jobs=None, messages=None)
    world.clock.advance(5000 * DAY)
    await retain(world.ports)
    assert {"record", "Batch job"} <= set(what_is_there(world))


async def test_no_job_is_touched_that_has_not_ended_or_is_not_told() -> None:
    world = World()
    keep(world, batch_jobs=timedelta(0), jobs=timedelta(0))
    world.enqueue(job_message(job_id="runs"), "1")
    await world.tick()
    world.callbacks.failures = 4
    world.enqueue(job_message(job_id="calls-back"), "2")
    for _ in range(4):
        await retain(world.ports)
        await world.tick()
    assert "calls-back" in world.jobs.records
    await world.run_until_idle(pause=timedelta(minutes=10))
    assert len(world.callbacks.received) == 2
    await retain(world.ports)
    assert not world.jobs.records


async def test_a_purge_that_was_begun_is_finished_whatever_the_settings_are() -> None:
    world = await ended()
    keep(world, batch_jobs=None, jobs=None)
    world.batch.delete_takes = timedelta(minutes=1)
    assert not await purge(world.ports, "job-1")
    world.clock.advance(timedelta(minutes=2))
    await retain(world.ports)
    assert what_is_there(world) == []


async def test_a_run_is_bounded_and_the_next_one_goes_on() -> None:
    world = World()
    names = [f"job-{number:02}" for number in range(40)]
    await jobs(world, *names)
    world.ended.page_size = 7
    world.clock.advance(31 * DAY)
    left = [40]
    while left[-1]:
        await retain(world.ports, most_jobs=10)
        left.append(len(world.jobs.records))
    assert len(left) >= 4
    assert all(before > after for before, after in pairwise(left))


async def test_a_listing_that_takes_longer_than_a_run_comes_to_its_end() -> None:
    world = World()
    await jobs(world, *(f"job-{number:02}" for number in range(12)))
    world.ended.page_size = 1
    for number in range(11):
        key = f"job-{number:02}"
        stored = world.jobs.records[key]
        kept = replace(stored.value, retention_time=900 * DAY, batch_job_deleted=True)
        world.jobs.records[key] = dataclasses.replace(stored, value=kept)
    world.clock.advance(31 * DAY)
    real = world.ended.page

    async def slow(token: str) -> tuple[Sequence[EndedJob], str]:
        await world.clock.sleep(timedelta(seconds=25))
        return await real(token)

    world.ended.page = slow  # type: ignore[method-assign]
    for _ in range(6):
        begun = world.clock.now()
        await retain(world.ports)
        assert world.clock.now() - begun < timedelta(seconds=100)
    assert "job-11" not in world.jobs.records
    assert len(world.jobs.records) == 11


async def test_jobs_that_cannot_be_deleted_do_not_hold_up_those_behind_them() -> None:
    world = World()
    names = [f"job-{number:02}" for number in range(40)]
    await jobs(world, *names)
    world.clock.advance(31 * DAY)

    class Stubborn(FakeJobFiles):
        async def delete(self, job_id: str) -> None:
            if job_id < "job-20":
                raise ServiceBusyError("not now")

    ports = replace_ports(world.ports, files=Stubborn())
    for _ in range(4):
        await retain(ports, most_jobs=16)
    assert sorted(world.jobs.records) == names[:20]


async def test_a_place_that_is_no_longer_known_begins_again() -> None:
    world = await ended()
    world.clock.advance(31 * DAY)
    await world.ended.save_place(RetentionPlace(token="stale", after="zzz"))
    real = world.ended.page

    async def page(token: str) -> tuple[Sequence[EndedJob], str]:
        if token == "stale":
            raise ServiceRefusedError("out of range", status=400)
        return await real(token)

    world.ended.page = page  # type: ignore[method-assign]
    await retain(world.ports)
    assert what_is_there(world) == []


async def test_the_end_of_a_round_is_the_beginning_of_the_next() -> None:
    world = await ended()
    await world.ended.save_place(RetentionPlace(after="zzz"))
    world.clock.advance(31 * DAY)
    await retain(world.ports)
    assert "record" in what_is_there(world)
    await retain(world.ports)
    assert what_is_there(world) == []


class OldSignals(MemoryFinalizeSignal):
    async def older(self, before: datetime, limit: int) -> Sequence[str]:
        return sorted(self.blobs)[:limit]


class OldUploads(MemoryUploads):
    async def older(self, before: datetime, limit: int) -> Sequence[str]:
        return sorted(self.blobs)[:limit]


async def test_finalize_blobs_of_jobs_that_are_over_go_and_others_stay() -> None:
    world = await ended()
    signals = OldSignals()
    world.ports = replace_ports(world.ports, finalize=signals)
    world.batch.nodes = []
    world.enqueue(job_message(job_id="active"), "2")
    await world.tick()
    signals.blobs = {"job-1": "late", "active": "{}", "nobody": "{}"}
    assert sorted(item.name for item in [one async for one in find_due(world.ports)]) == ["job-1", "nobody"]
    await retain(world.ports)
    assert sorted(signals.blobs) == ["active"]


async def test_uploads_go_after_their_time() -> None:
    world = World()
    uploads = OldUploads()
    world.ports = replace_ports(world.ports, uploads=uploads)
    uploads.blobs = {"one": b"", "two": b""}
    await retain(world.ports)
    assert not uploads.blobs


async def test_dead_letters_go_after_their_time() -> None:
    world = World()
    for age in (15, 13):
        came = world.clock.now() - timedelta(days=age)
        await world.ports.dead_letters.add(message_letter("a-queue", f"{age}", came, "not readable"))
    assert [item.what async for item in find_due(world.ports)] == ["1 letters"]
    await retain(world.ports)
    assert [letter.message_id for letter in world.dead_letters.letters.values()] == ["13"]


async def test_what_is_due_is_told_and_nothing_is_done() -> None:
    world = World()
    await jobs(world, "a", "b")
    world.clock.advance(8 * DAY)
    await jobs(world, "c")
    found = [item async for item in find_due(world.ports)]
    assert [(item.what, item.name, item.why) for item in found] == [
        ("Batch job", "a", "ended 2026-01-01, kept for 7 days"),
        ("Batch job", "b", "ended 2026-01-01, kept for 7 days"),
    ]
    world.clock.advance(23 * DAY)
    found = [item async for item in find_due(world.ports)]
    assert [(item.what, item.name) for item in found] == [("job", "a"), ("job", "b"), ("Batch job", "c")]
    assert sorted(world.jobs.records) == ["a", "b", "c"]
    assert sorted(world.batch.jobs) == ["a", "b", "c"]


@pytest.mark.parametrize("port", ["ended.page", "ended.place", "old_messages.remove"])
async def test_a_service_that_is_busy_ends_the_run_at_most(port: str) -> None:
    world = await ended()
    world.clock.advance(31 * DAY)

    async def around(name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        if name == port:
            raise ServiceBusyError("not now")
        return await call()

    try:
        await retain(intercepted(world.ports, around))
    except ServiceBusyError:
        assert "record" in what_is_there(world)
    await retain(world.ports)
    assert what_is_there(world) == []
