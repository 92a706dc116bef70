"""A message can be delivered several times, also concurrently. It is one job, one Batch job, one callback."""

import asyncio
from pathlib import Path

from tests.integration.client import Client
from tests.integration.messages import gated, job
from tests.integration.receiver import Receiver, receiving


async def test_a_message_sent_three_times_at_once_is_one_job(
    client: Client, receiver: Receiver, job_id: str, tmp_path: Path
) -> None:
    message = job(job_id, gated("work", tmp_path / "gate"), callBackUri=receiver.uri)
    await asyncio.gather(*(client.send(message) for _ in range(3)))
    await client.wait_until_queue_empty()
    (tmp_path / "gate").touch()
    call = await receiver.call()
    assert call.body["Output"]["state"] == "succeeded"
    await client.wait_until_delivered(job_id)
    assert len(receiver.calls) == 1
    types = await client.types(job_id)
    assert (types.count("job.queued"), types.count("job.running"), types.count("job.succeeded")) == (1, 1, 1)
    assert await client.batch_job_ids({job_id}) == [job_id]
    assert await client.batch_state(job_id) == "completed"


async def test_jobs_that_end_before_their_duplicate_messages_arrive_succeed(
    client: Client, job_id: str
) -> None:
    ids = [f"{job_id}-{number}" for number in range(6)]
    await asyncio.gather(*(client.send(job(each)) for each in ids for _ in range(3)))
    await client.wait_until_queue_empty()
    states = [(await client.wait_until_delivered(each))["state"] for each in ids]
    assert states == ["succeeded"] * len(ids)
    for each in ids:
        assert await client.batch_state(each) == "completed"


async def test_a_duplicate_message_after_the_end_changes_nothing(
    client: Client, receiver: Receiver, job_id: str
) -> None:
    message = job(job_id, callBackUri=receiver.uri)
    await client.send(message)
    before = await client.wait_until_delivered(job_id)
    events = await client.events(job_id)
    await client.send(message)
    await client.submit(message)
    await client.wait_until_queue_empty()
    assert await client.job(job_id) == before
    assert await client.events(job_id) == events
    assert len(receiver.calls) == 1


async def test_the_same_request_over_http_and_on_the_queue_is_one_job(
    client: Client, job_id: str, tmp_path: Path
) -> None:
    async with receiving() as receiver:
        message = job(job_id, gated("work", tmp_path / "gate"), callBackUri=receiver.uri)
        answers, *_ = await asyncio.gather(
            asyncio.gather(*(client.post("/jobs", message) for _ in range(3))), client.send(message)
        )
        assert [answer.status for answer in answers] == [202, 202, 202]
        await client.wait_until_queue_empty()
        (tmp_path / "gate").touch()
        await client.wait_until_delivered(job_id)
        assert [call.body["Output"]["state"] for call in receiver.calls] == ["succeeded"]
    assert (await client.types(job_id)).count("task.succeeded") == 2


async def test_exactly_one_of_several_concurrent_requests_for_one_id_is_accepted(
    client: Client, job_id: str
) -> None:
    requests = [job(job_id, metadata={"number": str(number)}) for number in range(5)]
    answers = await asyncio.gather(*(client.post("/jobs", request) for request in requests))
    assert sorted(answer.status for answer in answers) == [202, 409, 409, 409, 409]
    (taken,) = [request for request, answer in zip(requests, answers, strict=True) if answer.status == 202]
    outcome = await client.outcome(job_id)
    assert (outcome["state"], outcome["metadata"]) == ("succeeded", taken["metadata"])


async def test_a_bad_message_delivered_twice_is_rejected_once(
    client: Client, receiver: Receiver, job_id: str
) -> None:
    bad = job(job_id, colour="blue", callBackUri=receiver.uri)
    await asyncio.gather(*(client.send(bad) for _ in range(3)))
    await client.wait_until_delivered(job_id)
    await client.wait_until_queue_empty()
    assert await client.types(job_id) == ["job.rejected"]
    assert len(receiver.calls) == 1
