"""The contracts of the JobQueue, EventSink and FinalizeSignal ports."""

import json
from datetime import timedelta

from batchmgr.model.size_limits import MAX_EVENT
from tests.contract.port_sets import PortSet
from tests.contract.test_event_log import event


async def test_an_enqueued_submission_is_a_reference_on_the_request_queue(port_set: PortSet) -> None:
    await port_set.ports.queue.enqueue_submission("Job-1")
    assert [json.loads(body) for body in await port_set.messages("batchmgr-job-requests")] == [
        {"storedJobId": "Job-1"}
    ]


async def test_a_delayed_message_is_not_visible_yet(port_set: PortSet) -> None:
    await port_set.ports.queue.enqueue_submission("Job-1", timedelta(minutes=1))
    await port_set.ports.queue.enqueue_callback("Job-1", timedelta(days=30))
    assert await port_set.messages("batchmgr-job-requests") == []
    assert await port_set.messages("batchmgr-callbacks") == []


async def test_a_dead_lettered_request_is_in_the_poison_queue_byte_for_byte(port_set: PortSet) -> None:
    body = '  {"not": json,\n "ü"'
    await port_set.ports.queue.dead_letter_request(body.encode())
    assert await port_set.messages("batchmgr-job-requests-poison") == [body]


async def test_a_dead_lettered_callback_is_in_its_poison_queue(port_set: PortSet) -> None:
    await port_set.ports.queue.dead_letter_callback("Job-1")
    assert [json.loads(body) for body in await port_set.messages("batchmgr-callbacks-poison")] == [
        {"storedJobId": "Job-1"}
    ]


async def test_events_are_sent_in_batches_of_cloud_events(port_set: PortSet) -> None:
    await port_set.ports.sink.send([event(f"e{n}").numbered(n) for n in range(1, 21)])
    [message] = await port_set.messages("batchmgr-progress")
    sent = json.loads(message)
    assert {one["id"] for one in sent} == {f"e{n}" for n in range(1, 21)}
    assert {"specversion", "id", "source", "type", "subject", "time", "data", "sequence"} <= set(sent[0])


async def test_an_existing_finalize_blob_is_not_changed(port_set: PortSet) -> None:
    await port_set.ports.finalize.write("Job-1", '{"first": true}')
    await port_set.ports.finalize.write("Job-1", '{"second": true}')
    assert await port_set.finalize_blob("Job-1") == '{"first": true}'


async def test_a_finalization_is_a_reference_with_the_number_of_attempts(port_set: PortSet) -> None:
    await port_set.ports.queue.enqueue_finalize("Job-1", 3, timedelta(0))
    assert [json.loads(body) for body in await port_set.messages("batchmgr-finalize")] == [
        {"storedJobId": "Job-1", "attempts": 3}
    ]


async def test_the_largest_message_that_a_queue_takes_can_be_kept(port_set: PortSet) -> None:
    body = "x" * 64 * 1024
    await port_set.ports.queue.dead_letter_request(body.encode())
    assert await port_set.messages("batchmgr-job-requests-poison") == [body]


async def test_an_event_that_is_too_large_for_a_message_is_left_out_and_the_others_are_sent(
    port_set: PortSet,
) -> None:
    await port_set.ports.sink.send([event("a"), event("large", padding=MAX_EVENT // 2), event("b")])
    batches = [json.loads(body) for body in await port_set.messages("batchmgr-progress")]
    sent = [one["id"] for batch in batches for one in batch]
    assert sorted(sent) == ["a", "b"]
    await port_set.ports.sink.check()
