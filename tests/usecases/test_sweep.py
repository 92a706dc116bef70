"""What was stored for a job that has no record goes, and nothing else does."""

import dataclasses
from collections.abc import Awaitable, Callable
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest

from batchmgr.errors import JobConflictError, ServiceBusyError
from batchmgr.model.job_states import JobState
from batchmgr.model.retention import Retention
from batchmgr.usecases import sweep as sweep_module
from batchmgr.usecases.accept import accept
from batchmgr.usecases.purge import purge
from batchmgr.usecases.retain import find_due, retain
from batchmgr.usecases.sweep import sweep
from tests.chaos.interception import intercepted
from tests.usecases.test_purge import ended, what_is_there
from tests.world import World, job_message, task

DAY = timedelta(days=1)


async def leave(world: World, *names: str) -> None:
    """Store the requests of jobs that never get a record."""
    for name in names:
        await world.jobs.save_request(name, job_message(job_id=name))


@pytest.mark.parametrize("part", ["request", "tasks", "plan", "receiver"])
async def test_each_part_of_a_job_without_a_record_goes_after_the_time_of_jobs(part: str) -> None:
    world = World()
    stored: dict[str, Callable[[], Awaitable[object]]] = {
        "request": lambda: world.jobs.save_request("Job-1", job_message()),
        "tasks": lambda: world.jobs.save_tasks("Job-1", b"tasks"),
        "plan": lambda: world.jobs.save_plan("Job-1", BytesIO(b"plan")),
        "receiver": lambda: world.jobs.save_receiver("Job-1", "key", "https://allowed/"),
    }
    await stored[part]()
    for days, is_left in ((29, True), (2, False)):
        world.clock.advance(days * DAY)
        assert [item.what async for item in find_due(world.ports)] == ([] if is_left else ["leftovers"])
        await retain(world.ports)
        assert world.jobs.has_parts("job-1") is is_left
    assert what_is_there(world) == []


async def test_it_is_told_what_would_go_and_nothing_is_done() -> None:
    world = World()
    await leave(world, "a")
    await world.jobs.save_plan("a", BytesIO(b"plan"))
    world.clock.advance(31 * DAY)
    assert [(item.what, item.name, item.why) async for item in find_due(world.ports)] == [
        ("leftovers", "a", "older than 30 days")
    ]
    assert world.jobs.has_parts("a")
    assert world.jobs.records == {}


@pytest.mark.parametrize(("jobs", "days", "is_left"), [(None, 5000, True), (0, 0.9, True), (0, 1.1, False)])
async def test_it_is_kept_for_ever_or_for_a_day_at_least(
    jobs: int | None, days: float, is_left: bool
) -> None:
    world = World()
    time = None if jobs is None else timedelta(days=jobs)
    world.ports = dataclasses.replace(world.ports, keep=Retention(jobs=time))
    await leave(world, "a")
    world.clock.advance(days * DAY)
    assert bool([item async for item in find_due(world.ports)]) is not is_left
    await retain(world.ports)
    assert world.jobs.has_parts("a") is is_left


async def test_jobs_that_have_a_record_are_left_alone_however_old_they_are() -> None:
    world = World()
    message = job_message(job_id="runs")
    world.batch.nodes = []
    world.enqueue(message)
    await world.tick()
    world.clock.advance(400 * DAY)
    assert await sweep(world.ports) == 0
    assert world.record("runs").state is JobState.RUNNING
    assert "runs" in world.jobs.requests


async def test_an_active_job_without_a_record_is_left_to_the_poller() -> None:
    """The app was stopped for a month, just after it had accepted the job."""
    world = World()
    await leave(world, "job-1")
    await world.jobs.activate("job-1")
    world.clock.advance(31 * DAY)
    await retain(world.ports)
    assert "job-1" in world.jobs.requests
    assert world.jobs.records == {}
    await world.run_until_idle()
    assert world.record().state is JobState.SUCCEEDED


async def test_the_batch_job_of_somebody_else_is_left_alone() -> None:
    world = await ended()
    await purge_but_in_batch(world)
    await leave(world, "job-1")
    for digest in ("", "another's"):
        world.batch.jobs["job-1"].digest = digest
        world.clock.advance(31 * DAY)
        await retain(world.ports)
    assert what_is_there(world) == ["Batch job"]


async def purge_but_in_batch(world: World) -> None:
    world.batch.jobs["job-1"].digest = "another's"
    await purge(world.ports, "job-1")


async def test_a_run_is_bounded_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_module, "MOST_JOBS", 10)
    world = World()
    names = [f"job-{number:02}" for number in range(30)]
    await leave(world, *names)
    world.ended.page_size = 7
    world.clock.advance(31 * DAY)
    removed = [await sweep(world.ports) for _ in range(3)]
    assert removed == [14, 14, 2]
    assert not world.jobs.requests
    assert (await world.ended.place()).parts == ""


async def test_a_listing_that_takes_longer_than_a_run_comes_to_its_end() -> None:
    world = World()
    await leave(world, *(f"job-{number:02}" for number in range(12)))
    world.ended.page_size = 2
    world.clock.advance(31 * DAY)

    async def slow(name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        if name == "ended.parts":
            await world.clock.sleep(timedelta(seconds=25))
        return await call()

    for _ in range(6):
        begun = world.clock.now()
        await sweep(intercepted(world.ports, slow))
        assert world.clock.now() - begun <= timedelta(seconds=100)
    assert not world.jobs.requests


async def test_both_places_of_a_round_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_module, "MOST_JOBS", 1)
    world = World()
    world.enqueue(job_message(job_id="z-1"), "1")
    world.enqueue(job_message(job_id="z-2"), "2")
    await world.run_until_idle()
    await leave(world, "a", "b", "c")
    world.ended.page_size = 1
    world.clock.advance(31 * DAY)
    await retain(world.ports, most_jobs=1)
    place = await world.ended.place()
    assert place.parts
    assert place.token or place.after
    for _ in range(6):
        await retain(world.ports, most_jobs=1)
    assert not world.jobs.requests
    assert not world.jobs.records


async def test_what_can_not_be_deleted_does_not_hold_up_the_rest() -> None:
    world = World()
    await leave(world, *(f"job-{number:02}" for number in range(20)))
    world.clock.advance(31 * DAY)

    async def around(name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        if name == "files.delete" and len(world.jobs.requests) > 15:
            raise ServiceBusyError("not now")
        return await call()

    await retain(intercepted(world.ports, around))
    await world.clock.sleep(timedelta(minutes=2))
    await retain(world.ports)
    assert not world.jobs.requests
    assert not world.jobs.records


async def test_a_job_that_is_sent_while_its_leftovers_go_waits_and_is_a_job_of_its_own() -> None:
    world = World()
    await leave(world, "job-1")
    world.clock.advance(31 * DAY)
    seen: list[str] = []

    async def around(name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        result = await call()
        if name == "jobs.create":
            with pytest.raises(ServiceBusyError, match="send the new one in a minute"):
                await accept(world.ports, "job-1", job_message())
            with pytest.raises(JobConflictError):
                await accept(world.ports, "job-1", job_message(task("other")))
            seen.append(name)
        return result

    await sweep(intercepted(world.ports, around))
    assert seen
    await accept(world.ports, "job-1", job_message())
    await world.run_until_idle()
    assert world.record().state is JobState.SUCCEEDED
