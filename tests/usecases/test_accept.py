"""Accepting and refusing requests."""

import pytest

from batchmgr.errors import InvalidJobError, JobConflictError
from batchmgr.model.job_states import JobState
from batchmgr.usecases.accept import accept, check
from tests.world import CALLBACK, World, job_message, task


async def test_the_same_job_again_is_the_same_job() -> None:
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


async def test_the_callback_uri_is_kept_out_of_the_record_and_the_events() -> None:
    world = World()
    world.enqueue(job_message())
    await world.until_settled()
    assert "secret" not in repr(world.record())
    assert "secret" not in repr(world.log())


async def test_a_callback_to_a_host_that_is_not_allowed_is_refused() -> None:
    with pytest.raises(InvalidJobError, match="callBackUri"):
        await check(World().ports, "job-1", job_message(callback="https://elsewhere/x"))


async def test_without_a_pool_the_field_is_named() -> None:
    from dataclasses import replace

    ports = replace(World().ports, default_pool_id="")
    with pytest.raises(InvalidJobError, match="poolId"):
        await check(ports, "job-1", job_message())


async def test_a_broken_message_with_a_free_id_becomes_a_rejected_job_that_calls_back() -> None:
    world = World()
    world.enqueue(f'{{"jobId": "Bad", "colour": 1, "callBackUri": "{CALLBACK}"}}'.encode())
    await world.until_settled()
    record = world.record("bad")
    assert record.state is JobState.REJECTED
    assert record.error is not None
    assert record.error.field == "colour"
    assert [event.type for event in world.log("bad")] == ["batchmgr.job.rejected"]
    [(uri, body, _)] = world.callbacks.received
    assert (uri, body.status_code) == (CALLBACK, "400")
    assert world.queue.poison == []


async def test_a_broken_message_without_an_id_is_rejected_under_the_id_of_its_message() -> None:
    world = World()
    world.enqueue(b'{"workload": "none"}', "abc")
    await world.until_settled()
    assert world.record("q-abc").state is JobState.REJECTED


@pytest.mark.parametrize("body", [b"not json", b"[1, 2]", b'"text"', b'{"jobId": "not an id", "x": 1}'])
async def test_a_message_whose_id_cannot_be_told_is_kept_as_it_came(body: bytes) -> None:
    from batchmgr.functions.queue_job_requests import take_request

    world = World()
    await take_request(world.ports, body, "")
    assert world.queue.poison == [body]
    assert world.jobs.records == {}


async def test_a_broken_message_never_touches_the_job_that_has_its_id() -> None:
    world = World()
    world.enqueue(job_message())
    await world.tick()
    before = world.record()
    broken = b'{"jobId": "JOB-1", "colour": 1, "callBackUri": "https://allowed/other"}'
    world.enqueue(broken, "m-2")
    await world.until_settled()
    assert world.record().state is JobState.SUCCEEDED
    assert world.record().created_at == before.created_at
    assert world.queue.poison == [broken]
    assert {uri for uri, _, _ in world.callbacks.received} == {CALLBACK}


async def test_a_conflicting_message_is_kept_as_poison() -> None:
    world = World()
    world.enqueue(job_message())
    world.enqueue(job_message(task("other")), "m-2")
    await world.until_settled()
    assert world.record().state is JobState.SUCCEEDED
    assert len(world.queue.poison) == 1


async def test_a_rejected_message_delivered_twice_calls_back_once() -> None:
    world = World()
    body = f'{{"jobId": "Bad", "colour": 1, "callBackUri": "{CALLBACK}"}}'.encode()
    world.enqueue(body)
    world.enqueue(body, "m-2")
    await world.until_settled()
    assert len(world.callbacks.received) == 1
    assert world.queue.poison == []
