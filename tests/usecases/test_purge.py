"""Purge: what is deleted of an ended job, and what comes too late for it."""

import dataclasses
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from batchmgr.errors import (
    JobConflictError,
    JobNotEndedError,
    JobNotFoundError,
    NotPossibleError,
    ServiceBusyError,
)
from batchmgr.functions.blob_finalize import finalize_blob
from batchmgr.functions.queue_callbacks import retry_callback
from batchmgr.functions.queue_polls import poll_share
from batchmgr.model.active_job import ActiveJob
from batchmgr.model.job_states import JobState
from batchmgr.model.retention import begin_purge
from batchmgr.usecases.accept import accept
from batchmgr.usecases.attach import attach
from batchmgr.usecases.finalize import finalize_or_retry
from batchmgr.usecases.poll import poll_for_long
from batchmgr.usecases.purge import purge
from batchmgr.usecases.redrive import redrive
from batchmgr.usecases.rerun import rerun
from batchmgr.usecases.submit import submit
from batchmgr.wire.json_codec import encode
from batchmgr.wire.queue_message import JobReference, PollRequest
from batchmgr.wire.rerun_request import RerunRequest
from tests.chaos.interception import intercepted
from tests.usecases.sweep_workload import Sweep, sweep_message
from tests.world import World, job_message, task

LATER = "https://allowed/later"


async def ended(world: World | None = None) -> World:
    """Return a world with one job that has ended."""
    world = world or World()
    world.enqueue(job_message())
    await world.run_until_idle()
    return world


def what_is_there(world: World, job_id: str = "job-1") -> list[str]:
    """Return where something of the job is left."""
    places: dict[str, Any] = {
        "record": world.jobs.records,
        "request": world.jobs.requests,
        "plan": world.jobs.plans,
        "tasks": world.jobs.tasks,
        "active": world.jobs.active,
        "log": world.events.logs,
        "timeline": world.timelines.kept,
        "entry in the list": {
            entry.job_id for entries in world.listing.parts.values() for entry in entries.values()
        },
        "finalize blob": world.finalize.blobs,
        "Batch job": world.batch.jobs,
    }
    found = [name for name, place in places.items() if job_id in place]
    return found + ["files" for name in world.files.blobs if name.startswith(f"{job_id}/")]


async def test_everything_of_an_ended_job_is_deleted() -> None:
    world = Sweep().world()
    world.enqueue(sweep_message())
    await world.run_until_idle()
    assert {"record", "request", "plan", "log", "Batch job"} <= set(what_is_there(world))
    assert await purge(world.ports, "JOB-1")
    assert what_is_there(world) == []
    with pytest.raises(JobNotFoundError):
        await purge(world.ports, "job-1")


async def test_the_finalize_blob_is_gone_when_the_job_has_ended() -> None:
    assert "finalize blob" not in what_is_there(await ended())


async def test_other_jobs_are_left_alone() -> None:
    world = World()
    for job_id in ("job-1", "job-1-b", "job-10"):
        world.enqueue(job_message(job_id=job_id), job_id)
    await world.run_until_idle()
    await purge(world.ports, "job-1")
    for job_id in ("job-1-b", "job-10"):
        assert what_is_there(world, job_id) == ["record", "request", "log", "entry in the list", "Batch job"]


async def test_a_job_that_runs_is_not_deleted_and_the_error_says_what_to_do() -> None:
    world = World()
    world.enqueue(job_message())
    world.batch.nodes = []
    await world.tick()
    before = what_is_there(world)
    with pytest.raises(
        JobNotEndedError, match=r"it is running\. Cancel it first \(POST /api/jobs/job-1/cancel\)"
    ):
        await purge(world.ports, "job-1")
    assert what_is_there(world) == before


async def test_a_job_whose_callback_is_due_is_not_deleted() -> None:
    world = World()
    world.callbacks.failures = 3
    world.enqueue(job_message())
    for _ in range(5):
        await world.tick()
    assert world.record().state is JobState.SUCCEEDED
    with pytest.raises(JobNotEndedError, match="its callback is not delivered, next at 2026-01-01 00:0"):
        await purge(world.ports, "job-1")


async def test_a_rejected_job_is_deleted() -> None:
    world = World()
    world.enqueue(job_message(task("a", "/bin/true", "nobody")))
    await world.run_until_idle()
    assert world.record().state is JobState.REJECTED
    assert await purge(world.ports, "job-1")
    assert what_is_there(world) == []


async def test_the_batch_job_of_somebody_else_is_left_alone() -> None:
    world = await ended()
    world.batch.jobs["job-1"].digest = "another's"
    assert await purge(world.ports, "job-1")
    assert what_is_there(world) == ["Batch job"]


async def test_while_azure_batch_deletes_its_part_the_record_stays_and_the_id_is_taken() -> None:
    world = await ended()
    world.batch.delete_takes = timedelta(minutes=1)
    assert not await purge(world.ports, "job-1")
    assert {"record", "request", "Batch job"} <= set(what_is_there(world))
    with pytest.raises(ServiceBusyError, match="is being deleted: send the new one in a minute"):
        await accept(world.ports, "job-1", job_message())
    with pytest.raises(JobConflictError):
        await accept(world.ports, "job-1", job_message(task("other")))
    await world.clock.sleep(timedelta(minutes=2))
    assert await purge(world.ports, "job-1")
    assert what_is_there(world) == []


async def test_the_same_id_again_is_a_new_job() -> None:
    world = await ended()
    await purge(world.ports, "job-1")
    world.triggered.clear()
    world.enqueue(job_message(task("only"), task("fails", "/bin/false")))
    await world.run_until_idle()
    assert world.record().state is JobState.PARTIAL
    assert [int(event.sequence) for event in world.log()] == list(range(1, len(world.log()) + 1))
    assert world.batch.created == ["job-1", "job-1"]
    assert len(world.callbacks.received) == 2


async def test_a_message_that_comes_while_the_job_is_deleted_waits_and_becomes_a_new_job() -> None:
    """The request of the new job is stored after the old one was deleted, and before the old record was."""
    world = await ended()

    async def around(name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        result = await call()
        if name == "ended.delete_request":
            with pytest.raises(ServiceBusyError):
                await accept(world.ports, "job-1", job_message(task("new")))
        return result

    assert await purge(intercepted(world.ports, around), "job-1")
    assert set(what_is_there(world)) <= {"request", "active"}
    await accept(world.ports, "job-1", job_message(task("new")))
    assert world.record().state is JobState.QUEUED
    world.triggered.clear()
    await world.run_until_idle(pause=timedelta(seconds=31))
    assert world.record().state is JobState.SUCCEEDED
    assert len(world.callbacks.received) == 2


async def test_a_purge_that_is_repeated_never_deletes_the_request_of_a_new_job() -> None:
    world = await ended()

    async def around(name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        if name == "ended.delete_record":
            raise ServiceBusyError("not now")
        return await call()

    with pytest.raises(ServiceBusyError):
        await purge(intercepted(world.ports, around), "job-1")
    with pytest.raises(ServiceBusyError):
        await accept(world.ports, "job-1", job_message(task("new")))
    assert await purge(world.ports, "job-1")
    assert what_is_there(world) == ["request"]


async def test_two_who_delete_at_the_same_time_do_not_hinder_each_other() -> None:
    world = await ended()
    world.batch.delete_takes = timedelta(seconds=3)
    assert not await _second_purge_during_the_first(world)
    assert what_is_there(world) == []


async def _second_purge_during_the_first(world: World) -> bool:
    second = True

    async def around(name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        nonlocal second
        if name == "files.delete":
            second = await purge(world.ports, "job-1")
        return await call()

    assert await purge(intercepted(world.ports, around), "job-1")
    return second


async def test_who_was_stopped_for_long_deletes_nothing_more() -> None:
    """Meanwhile another process may have come to the end, and a new job may have the id."""
    world = await ended()

    async def around(name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        result = await call()
        if name == "files.delete":
            await world.clock.sleep(timedelta(seconds=61))
            assert await purge(world.ports, "job-1")
            await accept(world.ports, "job-1", job_message(task("new")))
            await submit(world.ports, "job-1")
        return result

    assert not await purge(intercepted(world.ports, around), "job-1")
    assert world.record().state is JobState.RUNNING
    assert {"request", "active", "log", "Batch job"} <= set(what_is_there(world))


async def late_messages(world: World) -> None:
    """Let every message come that a job may leave behind."""
    ports, reference = world.ports, encode(JobReference(stored_job_id="job-1"))
    await finalize_blob(ports, "batchmgr-finalize/job-1.json")
    await finalize_or_retry(ports, "job-1", 3)
    await retry_callback(ports, reference)
    await poll_share(ports, encode(PollRequest(jobs=(ActiveJob(job_id="job-1"),))))
    await poll_share(ports, encode(PollRequest(long_poll_of="job-1")))
    await poll_for_long(ports, "job-1")
    world.report("1")  # a task that goes on although its job is gone


async def test_late_messages_of_a_purged_job_make_no_job() -> None:
    world = await ended()
    await purge(world.ports, "job-1")
    await late_messages(world)
    await world.run_until_idle()
    assert set(what_is_there(world)) <= {"files"}
    assert len(world.callbacks.received) == 1
    assert world.batch.created == ["job-1"]


async def test_late_messages_of_a_purged_job_do_no_harm_to_a_new_one() -> None:
    world = await ended()
    await purge(world.ports, "job-1")
    world.triggered.clear()
    world.batch.nodes, nodes = [], world.batch.nodes
    world.enqueue(job_message(task("a")))
    await world.tick()
    await late_messages(world)
    assert world.record().state is JobState.RUNNING
    world.batch.nodes = nodes
    await world.run_until_idle()
    assert world.record().state is JobState.SUCCEEDED
    assert len(world.callbacks.received) == 2


async def test_a_stored_request_of_a_job_without_a_record_makes_no_job_by_itself() -> None:
    world = World()
    await world.jobs.save_request("job-1", replace(job_message(), job_id="job-1"))
    await world.tick()
    assert what_is_there(world) == ["request"]


async def with_rerun() -> World:
    """Return a world in which a job has ended whose failed task runs again in `job-1-rerun-1`."""
    world = World()
    world.batch.fails.add("b")
    world.enqueue(job_message(task("a"), task("b")))
    await world.run_until_idle()
    await rerun(world.ports, "job-1", RerunRequest())
    return world


async def test_the_files_that_a_rerun_uses_stay_until_its_end() -> None:
    world = await with_rerun()
    with pytest.raises(JobNotEndedError, match="its files are used by its rerun job-1-rerun-1"):
        await purge(world.ports, "job-1")
    world.batch.fails.clear()
    await world.ports.queue.enqueue_submission("job-1-rerun-1")
    await world.run_until_idle()
    assert world.record("job-1-rerun-1").state is JobState.SUCCEEDED
    assert await purge(world.ports, "job-1")


async def test_a_rerun_that_was_asked_for_and_never_came_keeps_the_files_for_an_hour() -> None:
    world = await with_rerun()
    del world.jobs.records["job-1-rerun-1"]
    with pytest.raises(JobNotEndedError):
        await purge(world.ports, "job-1")
    world.clock.advance(timedelta(hours=1))
    assert await purge(world.ports, "job-1")


async def test_a_job_that_is_being_deleted_is_not_run_again_and_calls_nobody() -> None:
    world = await ended()
    stored = await world.ports.jobs.load("job-1")
    await world.ports.jobs.save(begin_purge(stored.value, world.clock.now(), ""), stored.etag)
    with pytest.raises(NotPossibleError, match="is being deleted"):
        await rerun(world.ports, "job-1", RerunRequest(tasks="all"))
    with pytest.raises(NotPossibleError, match="is being deleted"):
        await redrive(world.ports, "job-1")


async def test_a_job_whose_later_receiver_is_still_to_be_told_is_not_deleted() -> None:
    world = await ended()
    world.callbacks.down = {LATER}
    await attach(world.ports, "job-1", LATER)
    await world.deliveries.finish()
    with pytest.raises(JobNotEndedError, match="its callback is not delivered"):
        await purge(world.ports, "job-1")


async def test_receivers_and_dead_letters_of_a_job_go_with_it() -> None:
    world = await ended()
    world.ports = dataclasses.replace(world.ports, callback_attempts=1)
    world.callbacks.down = {LATER}
    await attach(world.ports, "job-1", LATER)
    await world.run_until_idle()
    assert [letter.job_id for letter in world.dead_letters.letters.values()] == ["job-1"]
    assert await purge(world.ports, "job-1")
    assert not world.dead_letters.letters
    assert not world.jobs.receivers
