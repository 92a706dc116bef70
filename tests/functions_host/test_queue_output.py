"""Queue outputs become messages as in the real host."""

import asyncio
import base64
import json
from pathlib import Path

import aiohttp
import azure.functions as func
import pytest

from functions_host.binding_converters import encode
from functions_host.queue_output import message_bodies
from functions_host.typed_data import TypedData
from tests.functions_host.conftest import Hosts
from tests.functions_host.storage_account import StorageAccount, until


@pytest.mark.parametrize(
    ("value", "bodies"),
    [
        (TypedData("plain", "string"), [b"plain"]),
        (TypedData('{"a":1}', "string"), [b'{\n  "a": 1\n}']),
        (TypedData('["x",{"a":1},2]', "json"), [b"x", b'{\n  "a": 1\n}', b"2"]),
        (TypedData(b'{"a":1}', "bytes"), [b'{"a":1}']),
    ],
)
def test_json_is_indented_arrays_are_split_and_bytes_are_left_alone(
    value: TypedData, bodies: list[bytes]
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


SENDS_TO_ITSELF = """
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route(route="send")
@app.queue_output(arg_name="out", queue_name="second", connection="Storage")
def send(req: func.HttpRequest, out: func.Out[str]) -> func.HttpResponse:
    out.set("hello")
    return func.HttpResponse("sent")

@app.queue_trigger(arg_name="msg", queue_name="second", connection="Storage")
@app.queue_output(arg_name="$return", queue_name="third", connection="Storage")
def receive(msg: func.QueueMessage) -> str:
    return msg.get_body().decode()
"""


async def _send_to_an_idle_listener(host_url: str) -> None:
    # The listener polls once, and then pauses for an hour.
    await asyncio.sleep(0.5)
    async with aiohttp.ClientSession(host_url) as http, http.get("/api/send") as answer:
        assert answer.status == 200


@pytest.fixture
def idle_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An app that sends to a queue of its own, on a host that pauses for an hour after an empty poll."""
    monkeypatch.setattr("functions_host.queue_polling.polling_delay", lambda *_, **__: 3600)
    (tmp_path / "function_app.py").write_text(SENDS_TO_ITSELF)
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    return tmp_path


async def test_an_output_waits_for_the_next_poll_of_its_queue(
    running_host: Hosts, storage: StorageAccount, idle_app: Path
) -> None:
    async with running_host(script_root=idle_app) as host:
        await _send_to_an_idle_listener(host.url)
        await asyncio.sleep(0.5)
        assert await storage.count("second") == 1


async def test_an_output_ends_the_pause_of_its_queue_on_a_patient_host(
    running_host: Hosts, storage: StorageAccount, idle_app: Path
) -> None:
    async with running_host(script_root=idle_app, patient=True) as host:
        await _send_to_an_idle_listener(host.url)
        assert await until(lambda: storage.peek("third"))


async def test_a_function_whose_output_queue_cannot_exist_is_in_error(
    running_host: Hosts, storage: StorageAccount, idle_app: Path
) -> None:
    app = idle_app / "function_app.py"
    app.write_text(app.read_text().replace('"third"', '"Not_A_Queue"'))
    async with (
        running_host(script_root=idle_app) as host,
        aiohttp.ClientSession(host.url) as http,
        http.get("/admin/functions/receive/status") as answer,
    ):
        assert "not_a_queue" in (await answer.json())["errors"][0]
