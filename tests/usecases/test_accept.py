"""Accepting requests, and refusing queue messages."""

import pytest

from batchmgr.errors import InvalidJobError, JobConflictError
from batchmgr.model.job_states import JobState
from batchmgr.steps.check_job import check_job
from batchmgr.usecases.accept import accept
from tests.world import CALLBACK, World, job_message, task


async def test_the_same_request_twice_is_one_job() -> None:
    world = World()
    first = await accept(world.ports, "Job-1", job_message(job_id=""))
    again = await accept(world.ports, "job-1", job_message(job_id="job-1"))
    assert again.job_id == first.job_id == "Job-1"
    assert [event.type for event in world.log()] == ["batchmgr.job.queued"]


async def test_other_content_under_the_same_id_is_a_conflict() -> None:
    world = World()
    await accept(world.ports, "job-1", job_message())
    with pytest.raises(JobConflictError, match="choose another jobId"):
        await accept(world.ports, "JOB-1", job_message(task("other")))


async def test_the_callback_uri_is_in_neither_the_record_nor_the_events() -> None:
    world = World()
    world.enqueue(job_message())
    await world.run_until_idle()
    assert "secret" not in repr(world.record())
    assert "secret" not in repr(world.log())


async def test_a_callback_to_a_host_that_is_not_allowed_is_rejected() -> None:
    with pytest.raises(InvalidJobError, match="callBackUri"):
        await check_job(World().ports, "job-1", job_message(callback="https://elsewhere/x"))


async def test_a_job_without_a_pool_is_rejected_with_the_field() -> None:
    from dataclasses import replace

    ports = replace(World().ports, default_pool_id="")
    with pytest.raises(InvalidJobError, match="poolId"):
        await check_job(ports, "job-1", job_message())


async def test_an_invalid_message_with_a_free_id_becomes_a_rejected_job_with_a_callback() -> None:
    world = World()
    world.enqueue(f'{{"jobId": "Bad", "colour": 1, "callBackUri": "{CALLBACK}"}}'.encode())
    await world.run_until_idle()
    record = world.record("bad")
    assert record.state is JobState.REJECTED
    assert record.error is not None
    assert record.error.field == "colour"
    assert [event.type for event in world.log("bad")] == ["batchmgr.job.rejected"]
    [(uri, body, _)] = world.callbacks.received
    assert (uri, body.status_code) == (CALLBACK, "400")
    assert world.queue.poison == []


async def test_an_invalid_message_without_an_id_is_rejected_under_its_message_id() -> None:
    world = World()
    world.enqueue(b'{"workload": "none"}', "abc")
    await world.run_until_idle()
    assert world.record("q-abc").state is JobState.REJECTED


@pytest.mark.parametrize("body", [b"not json", b"[1, 2]", b'"text"', b'{"jobId": "not an id", "x": 1}'])
async def test_a_message_without_a_readable_id_is_kept_unchanged_and_rejected_once(body: bytes) -> None:
    from batchmgr.functions.queue_job_requests import take_request

    world = World()
    for _ in range(2):
        await take_request(world.ports, body, "")
    assert world.queue.poison == [body, body]
    [stored] = world.jobs.records.values()
    assert stored.value.state is JobState.REJECTED
    assert [event.type for event in world.sink.sent] == ["batchmgr.job.rejected"]


async def test_an_invalid_message_does_not_change_the_job_with_its_id() -> None:
    world = World()
    world.enqueue(job_message())
    await world.tick()
    before = world.record()
    broken = b'{"jobId": "JOB-1", "colour": 1, "callBackUri": "https://allowed/other"}'
    world.enqueue(broken, "m-2")
    await world.run_until_idle()
    assert world.record().state is JobState.SUCCEEDED
    assert world.record().created_at == before.created_at
    assert world.queue.poison == [broken]
    assert {uri for uri, _, _ in world.callbacks.received} == {CALLBACK}


async def test_a_conflicting_message_goes_to_the_poison_queue() -> None:
    world = World()
    world.enqueue(job_message())
    world.enqueue(job_message(task("other")), "m-2")
    await world.run_until_idle()
    assert world.record().state is JobState.SUCCEEDED
    assert len(world.queue.poison) == 1


async def test_a_rejected_message_delivered_twice_sends_one_callback() -> None:
    world = World()
    body = f'{{"jobId": "Bad", "colour": 1, "callBackUri": "{CALLBACK}"}}'.encode()
    world.enqueue(body)
    world.enqueue(body, "m-2")
    await world.run_until_idle()
    assert len(world.callbacks.received) == 1
    assert world.queue.poison == []
