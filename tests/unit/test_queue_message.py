"""The messages of the job request queue."""

import pytest

from batchmgr.errors import InvalidJobError
from batchmgr.wire.job_message import WebhookMessage
from batchmgr.wire.queue_message import JobReference, decode_queue_message, identify_undecodable


def test_a_reference_to_a_stored_job_is_recognized() -> None:
    assert decode_queue_message(b'{"storedJobId": "a"}') == JobReference(stored_job_id="a")
    with pytest.raises(InvalidJobError, match="storedJobId: unknown field"):
        decode_queue_message(b'{"storedJobId": "a", "workload": "w"}')


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"jobId": "a", "callBackUri": "u", "x": 1}', ("a", "u", ())),
        (b'{"jobId": 1, "callBackUri": []}', ("", "", ())),
        (b'{"jobId": "a", "webhooks": [{"uri": "u"}], "x": 1}', ("a", "", (WebhookMessage(uri="u"),))),
        (b'{"jobId": "a", "webhooks": [{"uri": "u"}, {"url": "v"}]}', ("a", "", ())),
        (b'{"jobId": "a", "webhooks": {"uri": "u"}}', ("a", "", ())),
        (b"[1]", ("", "", ())),
        (b"\xff", ("", "", ())),
    ],
)
def test_what_is_known_of_an_undecodable_message_is_found(
    body: bytes, found: tuple[str, str, tuple[WebhookMessage, ...]]
) -> None:
    assert identify_undecodable(body) == found
