"""Poison queues: what was lost gets another chance, what can't be used is told."""

import json
from datetime import timedelta

import pytest

from batchmgr.model.job_states import JobState
from batchmgr.queue_ports import PoisonQueue
from batchmgr.usecases.accept import accept
from batchmgr.usecases.empty_poison import empty_poison_queues
from batchmgr.usecases.submit import submit
from batchmgr.wire.json_codec import encode
from batchmgr.wire.queue_message import FinalizeReference
from tests.world import World, job_message, task

BLOB = {"Type": "BlobTrigger", "ContainerName": "batchmgr-finalize", "BlobName": "job-1.json", "ETag": "1"}


async def submitted(world: World) -> None:
    """Have a job running whose tasks have not ended."""
    await accept(world.ports, "job-1", job_message())
    await submit(world.ports, "job-1")


async def test_a_job_that_was_never_handled_is_run_and_its_message_leaves_the_queue() -> None:
    world = World()
    world.queue.poison.append(encode(job_message()))
    await world.run_until_idle()
    assert world.record().state is JobState.SUCCEEDED
    assert world.queue.poison == []


async def test_the_message_of_a_job_that_is_known_is_removed_and_the_job_goes_on_once() -> None:
    world = World()
    await submitted(world)
    world.queue.poison.append(encode(job_message()))
    world.queue.poison.append(b'{"storedJobId": "JOB-1"}')
    await world.run_until_idle()
    assert world.queue.poison == []
    assert world.batch.created == ["job-1"]
    assert len(world.callbacks.received) == 1


async def test_a_reference_to_a_request_without_a_record_goes_back() -> None:
    world = World()
    await world.jobs.save_request("job-1", job_message())
    world.queue.poison.append(b'{"storedJobId": "job-1"}')
    await empty_poison_queues(world.ports)
    assert (world.queue.returned, world.queue.poison) == ([b'{"storedJobId": "job-1"}'], [])


@pytest.mark.parametrize("body", [b"hello", b"[]", b'{"jobId": "a b"}'])
async def test_what_cannot_be_read_is_rejected_once_and_kept(body: bytes) -> None:
    world = World()
    world.queue.poison.append(body)
    for _ in range(3):
        await world.tick()
    assert world.queue.poison == [body]
    [stored] = world.jobs.records.values()
    assert stored.value.state is JobState.REJECTED
    assert [event.type for event in world.sink.sent] == ["batchmgr.job.rejected"]


async def test_an_invalid_message_with_an_id_is_rejected_and_leaves_the_queue() -> None:
    world = World()
    world.queue.poison.append(b'{"jobId": "bad", "colour": 1}')
    await world.tick()
    assert world.record("bad").state is JobState.REJECTED
    assert world.queue.poison == []


async def test_a_message_that_batchmgr_itself_has_kept_stays_and_is_not_handled_again() -> None:
    world = World()
    await submitted(world)
    other = encode(job_message(task("other")))
    world.enqueue(other, "m-2")
    world.enqueue(b"hello", "m-3")
    world.enqueue(b'{"storedJobId": "none"}', "m-4")
    for _ in range(5):
        await world.tick()
    assert world.queue.poison == [other, b"hello", b'{"storedJobId": "none"}']
    assert world.queue.returned == []
    assert sorted(world.jobs.records)[0] == "job-1"
    assert len(world.jobs.records) == 2


async def test_a_message_that_stays_has_one_dead_letter_with_its_reason_and_time() -> None:
    world = World()
    await submitted(world)
    begun = world.clock.now()
    world.enqueue(encode(job_message(task("other"))), "m-2")
    for _ in range(3):
        await world.tick()
        world.poison.kept.clear()  # another process looks
    [letter] = world.dead_letters.letters.values()
    assert (letter.kind, letter.queue, letter.message_id) == ("message", PoisonQueue.REQUESTS, "0")
    assert letter.reason == (
        "A job 'job-1' exists with other content. Send the same content, or choose another jobId."
    )
    assert letter.time - begun < timedelta(seconds=1)


async def test_the_letter_of_a_message_goes_when_the_message_can_be_used_after_all() -> None:
    world = World()
    world.queue.poison.append(b'{"storedJobId": "job-1"}')
    await world.tick()
    assert len(world.dead_letters.letters) == 1
    await submitted(world)
    world.poison.kept.clear()  # another process looks
    await world.run_until_idle()
    assert (world.queue.poison, world.dead_letters.letters) == ([], {})


async def test_a_callback_that_was_given_up_stays_and_one_that_is_due_is_the_pollers() -> None:
    world = World()
    world.callbacks.failures = 1000
    await submitted(world)
    world.queue.buried.append("job-1")
    await empty_poison_queues(world.ports)
    assert world.queue.buried == []
    await world.run_until_idle(ticks=20_000, pause=timedelta(seconds=9))
    assert world.queue.buried == ["job-1"]
    world.poison.kept.clear()
    await empty_poison_queues(world.ports)
    assert world.queue.buried == ["job-1"]


@pytest.mark.parametrize(
    ("queue", "body"),
    [
        (PoisonQueue.BLOBS, json.dumps(BLOB).encode()),
        (PoisonQueue.FINALIZE, encode(FinalizeReference(stored_job_id="job-1", attempts=7))),
    ],
)
async def test_a_finalization_that_the_host_has_given_up_is_tried_again(
    queue: PoisonQueue, body: bytes
) -> None:
    world = World()
    await submitted(world)
    world.poison.others[queue].append(body)
    await empty_poison_queues(world.ports)
    assert [(message.queue, message.body) for message in world.queue.messages] == [("finalize", "job-1")]
    assert world.poison.others[queue] == []


async def test_blobs_of_other_functions_stay() -> None:
    world = World()
    others = [json.dumps(BLOB | {"ContainerName": "photos"}).encode(), b"anything"]
    world.poison.others[PoisonQueue.BLOBS] += others
    await empty_poison_queues(world.ports)
    assert world.poison.others[PoisonQueue.BLOBS] == others


async def test_an_error_with_one_queue_does_not_stop_the_others(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    world.queue.poison.append(encode(job_message()))
    world.queue.buried.append("job-1")

    async def broken(*arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(world.poison, "put_back", broken)
    await empty_poison_queues(world.ports)
    assert world.queue.poison == [encode(job_message())]
    assert "batchmgr-job-requests-poison could not be emptied" in caplog.text
    assert "message 0 stays in batchmgr-callbacks-poison" in caplog.text
