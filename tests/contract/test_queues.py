"""What the use cases rely on in the queues and in the finalize signal."""

import json
from datetime import timedelta

from tests.contract.port_sets import Side
from tests.contract.test_event_log import event


async def test_a_requested_submission_is_a_reference_on_the_request_queue(side: Side) -> None:
    await side.ports.queue.enqueue_submission("Job-1")
    assert [json.loads(body) for body in await side.messages("batchmgr-job-requests")] == [
        {"storedJobId": "Job-1"}
    ]


async def test_a_delayed_message_is_not_visible_yet(side: Side) -> None:
    await side.ports.queue.enqueue_submission("Job-1", timedelta(minutes=1))
    await side.ports.queue.enqueue_callback("Job-1", timedelta(days=30))
    assert await side.messages("batchmgr-job-requests") == []
    assert await side.messages("batchmgr-callbacks") == []


async def test_poison_is_kept_byte_for_byte(side: Side) -> None:
    body = '  {"not": json,\n "ü"'
    await side.ports.queue.dead_letter_request(body.encode())
    assert await side.messages("batchmgr-job-requests-poison") == [body]


async def test_a_buried_callback_stays_in_its_poison_queue(side: Side) -> None:
    await side.ports.queue.dead_letter_callback("Job-1")
    assert [json.loads(body) for body in await side.messages("batchmgr-callbacks-poison")] == [
        {"storedJobId": "Job-1"}
    ]


async def test_each_event_is_one_cloud_event_on_the_progress_queue(side: Side) -> None:
    await side.ports.sink.send([event(f"e{n}").numbered(n) for n in range(1, 21)])
    sent = [json.loads(body) for body in await side.messages("batchmgr-progress")]
    assert {one["id"] for one in sent} == {f"e{n}" for n in range(1, 21)}
    assert {"specversion", "id", "source", "type", "subject", "time", "data", "sequence"} <= set(sent[0])


async def test_a_finalize_blob_that_is_there_is_left_as_it_is(side: Side) -> None:
    await side.ports.finalize.write("Job-1", '{"first": true}')
    await side.ports.finalize.write("Job-1", '{"second": true}')
    assert await side.finalize_blob("Job-1") == '{"first": true}'
