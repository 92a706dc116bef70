"""Queue outputs become messages as in the real host."""

import base64
import json

import aiohttp
import azure.functions as func
import pytest
from azure.functions.meta import Datum

from functions_host.binding_converters import encode
from functions_host.queue_output import message_bodies
from tests.functions_host.storage_account import StorageAccount, until


@pytest.mark.parametrize(
    ("value", "bodies"),
    [
        (Datum("plain", "string"), [b"plain"]),
        (Datum('{"a":1}', "string"), [b'{\n  "a": 1\n}']),
        (Datum('["x",{"a":1},2]', "json"), [b"x", b'{\n  "a": 1\n}', b"2"]),
        (Datum(b'{"a":1}', "bytes"), [b'{"a":1}']),
    ],
)
def test_json_is_indented_arrays_are_split_and_bytes_are_left_alone(
    value: Datum, bodies: list[bytes]
) -> None:
    assert message_bodies(value) == bodies


def test_a_queue_message_object_sends_its_id_and_body_not_the_body() -> None:
    value = encode("queue", func.QueueMessage(id="7", body="hello"), func.QueueMessage)
    (body,) = message_bodies(value)
    assert json.loads(body) == {"id": "7", "body": "hello"}


async def test_an_output_goes_to_the_queue_named_by_the_route(
    http: aiohttp.ClientSession, storage: StorageAccount
) -> None:
    async with http.post("/api/fan/items", data=b'["one","two"]') as answer:
        assert answer.status == 200
        assert await answer.text() == "sent"
    contents = await until(lambda: storage.peek("out-items"))
    assert sorted(map(base64.b64decode, contents)) == [b"one", b"two"]


async def test_an_output_that_cannot_be_written_fails_the_invocation(
    http: aiohttp.ClientSession, storage: StorageAccount
) -> None:
    async with http.post("/api/fan/not_a_queue_name", data=b"x") as answer:
        assert answer.status == 500
