"""The text of a queue message: JSON, or base64 of it, as people send it."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmgr.errors import InvalidJobError
from batchmgr.wire.message_text import event_grid_type, json_text
from batchmgr.wire.queue_message import JobReference, UploadReference, decode_queue_message, decode_request

JOB = '{"jobId": "ü", "tasks": []}'.encode()
MARK = b"\xef\xbb\xbf"
once = base64.b64encode(JOB)

SENT = {
    "as it is": JOB,
    "with a byte order mark": MARK + JOB,
    "with white space": b"\r\n " + JOB + b"\n",
    "base64": once,
    "base64 of a byte order mark": base64.b64encode(MARK + JOB),
    "base64 in lines": base64.encodebytes(JOB),
    "base64 with white space in it": once[:5] + b" \r\n" + once[5:],
    "twice in base64": base64.b64encode(once),
    "base64 after a byte order mark": MARK + once,
}


@pytest.mark.parametrize("body", SENT.values(), ids=SENT)
def test_what_people_send_is_read(body: bytes) -> None:
    assert json.loads(json_text(body)) == json.loads(JOB)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        MARK,
        b"hello world",
        once[:-1],
        b'{"jobId": "a"',
        b"\xff\xfe{\x00}\x00",
        base64.b64encode(base64.b64encode(once)),
        base64.b64encode(b"hello"),
        b"[" * 100_000,
    ],
)
def test_what_is_neither_json_nor_base64_is_told_with_its_first_letters(body: bytes) -> None:
    with pytest.raises(InvalidJobError, match="neither JSON nor JSON in base64; it begins with") as caught:
        json_text(body)
    assert len(str(caught.value)) < 200


def test_an_error_does_not_show_a_callback_uri() -> None:
    with pytest.raises(InvalidJobError) as caught:
        json_text(b'{"callBackUri":"https://secret.example/?sig=1", x')
    assert "secret" not in str(caught.value)


@given(st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.text(), st.lists))
def test_any_json_is_read_as_it_is_and_in_base64(value: object) -> None:
    text = json.dumps(value).encode()
    assert json.loads(json_text(text)) == value
    assert json.loads(json_text(base64.b64encode(text))) == value


@given(st.binary(max_size=100))
def test_no_message_raises_anything_else(body: bytes) -> None:
    try:
        decode_queue_message(body)
    except InvalidJobError:
        return


EVENT = {"id": "1", "subject": "/blobServices/default/containers/c/blobs/b", "data": {"url": "https://x"}}


@pytest.mark.parametrize("schema", ["eventType", "type"])
@pytest.mark.parametrize("is_list", [True, False])
def test_an_event_of_event_grid_is_told_apart(schema: str, is_list: bool) -> None:
    event = EVENT | {schema: "Microsoft.Storage.BlobCreated"}
    body = json.dumps([event] if is_list else event).encode()
    with pytest.raises(InvalidJobError, match=r"event of Event Grid \(Microsoft.Storage.BlobCreated\)"):
        decode_queue_message(base64.b64encode(body))


MINE = EVENT | {"type": "mine"}


@pytest.mark.parametrize("value", [None, [], {}, EVENT, [EVENT], MINE, EVENT | {"type": 1}])
def test_other_values_are_no_events(value: object) -> None:
    assert event_grid_type(value) == ""


def test_a_reference_to_a_stored_job_is_for_the_queue_alone() -> None:
    body = b'{"storedJobId": "a"}'
    assert decode_queue_message(base64.b64encode(body)) == JobReference(stored_job_id="a")
    with pytest.raises(InvalidJobError, match="storedJobId: unknown field"):
        decode_request(body)


@pytest.mark.parametrize("decode", [decode_queue_message, decode_request])
def test_a_reference_to_an_upload_may_name_the_job_and_the_callback(decode: object) -> None:
    body = b'{"uploadedRequest": "u", "jobId": "a", "callBackUri": "https://x"}'
    found = decode(body)  # type: ignore[operator]
    assert found == UploadReference(uploaded_request="u", job_id="a", call_back_uri="https://x")
    with pytest.raises(InvalidJobError, match="tasks: unknown field"):
        decode(b'{"uploadedRequest": "u", "tasks": []}')  # type: ignore[operator]
