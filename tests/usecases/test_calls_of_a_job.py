"""How many calls a job costs until it runs: each takes milliseconds of the processor, and a round trip."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from batchmgr.errors import RecordChangedError
from batchmgr.functions.queue_job_requests import take_request
from batchmgr.model.job_states import JobState
from batchmgr.steps.check_job import check_job
from batchmgr.usecases.accept import accept
from batchmgr.usecases.finalize import finalize
from batchmgr.usecases.poll import poll
from batchmgr.usecases.submit import submit
from batchmgr.wire.json_codec import encode
from batchmgr.wire.queue_message import JobReference
from tests.chaos.interception import intercepted
from tests.world import World, job_message, task

FROM_THE_QUEUE = {
    "jobs.save_request": 1,
    "jobs.activate": 1,
    "listing.add": 1,
    "jobs.create": 1,
    "jobs.save": 5,  # admitted, claimed, created in Azure Batch, running, and its event published
    "events.end": 1,  # its log is new: from then on, the record says where it ends
    "events.append": 2,
    "sink.send": 2,
    "line.first": 1,
    "storage.grant_access": 1,
    "batch.require_pool": 1,
    "batch.create_job": 1,
    "batch.add_tasks": 2,
    "batch.terminate_when_done": 1,
}
STORED = {
    **FROM_THE_QUEUE,
    "jobs.load": 1,
    "jobs.load_request": 1,
    "jobs.save": 4,
}
del (
    STORED["events.end"],
    STORED["jobs.save_request"],
    STORED["jobs.activate"],
    STORED["listing.add"],
    STORED["jobs.create"],
)


CALLS_OF_A_POLL = {
    "jobs.load": 1,
    "batch.task_counts": 1,
    "batch.list_tasks": 1,
    "events.append": 1,
    "sink.send": 1,
    "jobs.save": 1,
}


async def test_a_job_from_the_queue_reads_nothing_that_its_call_has_written() -> None:
    world, calls = World(), Counter[str]()
    await take_request(counted(world, calls), encode(job_message()), "q-1")
    assert world.record().state is JobState.RUNNING
    assert calls == FROM_THE_QUEUE
    assert types(world) == ["batchmgr.job.queued", "batchmgr.job.submitting", "batchmgr.job.running"]
    assert [event.id for event in world.sink.sent] == [event.id for event in world.log()]


async def test_a_stored_job_is_read_once() -> None:
    world, calls = World(), Counter[str]()
    message = job_message()
    await accept(world.ports, "job-1", message, await check_job(world.ports, "job-1", message))
    await take_request(counted(world, calls), encode(JobReference(stored_job_id="job-1")), "")
    assert world.record().state is JobState.RUNNING
    assert calls == STORED


async def test_a_poll_appends_once_and_saves_once_whatever_has_changed() -> None:
    world, calls = World(), Counter[str]()
    await take_request(world.ports, encode(job_message(task("1"), task("2", "/bin/true", "1"))), "q-1")
    before = len(types(world))
    assert world.batch.start_next_task("job-1") is not None
    await poll(counted(world, calls))
    assert types(world)[before:] == ["batchmgr.task.running", "batchmgr.job.progress"]
    assert {name: calls[name] for name in CALLS_OF_A_POLL} == CALLS_OF_A_POLL
    assert "events.end" not in calls


async def test_a_finalization_loads_the_record_once_and_never_looks_where_the_log_ends() -> None:
    world, calls = World(), Counter[str]()
    await take_request(world.ports, encode(job_message()), "q-1")
    world.batch.run()
    await finalize(counted(world, calls), "job-1")
    assert world.record().state is JobState.SUCCEEDED
    assert (calls["jobs.load"], calls["events.end"]) == (1, 0)


@pytest.mark.parametrize("name", ["jobs.create", "line.first", "events.append"])
async def test_what_others_have_saved_meanwhile_is_read(name: str) -> None:
    """A job is cancelled after a step of the call that brings it in: it never gets to Azure Batch."""
    world = World()

    async def cancelling(call: str, make: Callable[[], Awaitable[Any]]) -> Any:
        result = await make()
        if call == name and not world.record().cancel_requested:
            job = await world.jobs.load("job-1")
            await world.jobs.save(job.value.cancellation_requested(world.clock.now()), job.etag)
        return result

    try:
        await take_request(intercepted(world.ports, cancelling), encode(job_message()), "q-1")
    except RecordChangedError:
        pytest.fail("the use case is repeated, and reads the record")
    await world.run_until_idle()
    assert world.record().state is JobState.CANCELLED
    assert len(set(types(world))) == len(types(world))


@pytest.mark.parametrize("waited", [1, 4, 9, 12, 29])
async def test_a_job_that_runs_is_looked_at_by_the_next_poll_however_long_it_has_waited(waited: int) -> None:
    """A poll notes when a job that waits is to be looked at again. The submission makes up for that."""
    world = World()
    await accept(world.ports, "job-1", job_message())
    world.clock.advance(timedelta(seconds=waited))
    await poll(world.ports)
    world.clock.advance(timedelta(milliseconds=500))
    await submit(world.ports, "job-1")
    assert world.batch.start_next_task("job-1") is not None
    world.clock.advance(timedelta(milliseconds=100))
    await poll(world.ports)
    assert "batchmgr.task.running" in types(world)


def counted(world: World, calls: Counter[str]) -> Any:
    async def count(name: str, make: Callable[[], Awaitable[Any]]) -> Any:
        calls[name] += 1
        return await make()

    return intercepted(world.ports, count)


def types(world: World) -> list[str]:
    return [event.type for event in world.log()]
