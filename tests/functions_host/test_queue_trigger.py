"""Queue functions receive and retry messages as in the real host."""

import asyncio
import base64
import json
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from functions_host.job_host import JobHost
from tests.functions_host.conftest import Hosts, edit_host_json
from tests.functions_host.storage_account import StorageAccount, until


async def test_a_message_reaches_the_function_and_is_deleted(host: JobHost, storage: StorageAccount) -> None:
    await storage.send("input", "hello")
    (seen,) = await storage.until_seen("message")
    assert seen["body"] == "hello"
    assert seen["dequeueCount"] == 1
    assert seen["inserted"].endswith("+00:00")

    async def is_empty() -> bool:
        return await storage.count("input") == 0

    await until(is_empty)


async def test_a_queue_that_is_missing_is_polled_but_not_created(
    host: JobHost, storage: StorageAccount
) -> None:
    await storage.send("input", "the host is polling")
    await storage.until_seen("message")
    assert [queue.name async for queue in storage.queues.list_queues()].count("upper") == 0
    await storage.send("upper", "now it is here")
    assert await until(lambda: storage.peek("doubled"))


async def test_a_failed_message_is_hidden_for_the_visibility_timeout(
    running_host: Hosts, app_directory: Path, storage: StorageAccount
) -> None:
    edit_host_json(app_directory, extensions={"queues": {"visibilityTimeout": "00:10:00"}})
    async with running_host(script_root=app_directory):
        await storage.send("input", "fail")
        await storage.until_seen("message")
    assert await storage.peek("input") == []
    assert await storage.count("input") == 1


async def test_without_an_encoding_bodies_are_plain_text(
    running_host: Hosts, app_directory: Path, storage: StorageAccount
) -> None:
    edit_host_json(
        app_directory, extensions={"queues": {"messageEncoding": "none", "maxPollingInterval": "00:00:00.2"}}
    )
    async with running_host(script_root=app_directory):
        await storage.send_raw("input", "not base64!")
        (seen,) = await storage.until_seen("message")
    assert seen["body"] == "not base64!"


READS = """
import azure.functions as func

app = func.FunctionApp()

@app.queue_trigger(arg_name="msg", queue_name="texts", connection="Storage")
@app.queue_output(arg_name="$return", queue_name="seen-texts", connection="Storage")
def reads_text(msg: func.QueueMessage) -> bytes:
    return msg.get_body()

@app.queue_trigger(arg_name="msg", queue_name="bytes", connection="Storage", data_type="binary")
@app.queue_output(arg_name="$return", queue_name="seen-bytes", connection="Storage")
def reads_bytes(msg: func.QueueMessage) -> bytes:
    return msg.get_body()
"""


@pytest.mark.parametrize(
    ("queue", "expected"), [("texts", "ok,\ufffd\ufffd".encode()), ("bytes", b"ok,\xff\xfe")]
)
async def test_bytes_that_are_not_utf_8_reach_the_function(
    running_host: Hosts, tmp_path: Path, storage: StorageAccount, queue: str, expected: bytes
) -> None:
    (tmp_path / "function_app.py").write_text(READS)
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    async with running_host(script_root=tmp_path):
        await storage.send_raw(queue, base64.b64encode(b"ok,\xff\xfe").decode())
        (content,) = await until(lambda: storage.peek(f"seen-{queue}"))
    assert base64.b64decode(content) == expected


async def test_an_empty_text_is_an_empty_body(host: JobHost, storage: StorageAccount) -> None:
    await storage.send_raw("input", "")
    (seen,) = await storage.until_seen("message")
    assert seen["body"] == ""


async def test_json_properties_of_a_body_hide_message_metadata(
    host: JobHost, storage: StorageAccount
) -> None:
    await storage.send("input", json.dumps({"ID": "mine", "dequeueCount": 41, "insertionTime": None}))
    (seen,) = await storage.until_seen("message")
    assert seen["id"] == "mine"
    assert seen["dequeueCount"] == 41
    assert seen["inserted"] is not None, "a null hides nothing"


async def test_a_property_of_the_wrong_type_fails_the_invocation(
    host: JobHost, storage: StorageAccount
) -> None:
    await storage.send("input", json.dumps({"dequeueCount": "many"}))
    await until(lambda: storage.peek("input-poison"))
    assert await storage.seen("message") == []


async def test_queue_names_are_lower_cased_and_the_return_value_goes_to_a_queue(
    host: JobHost, storage: StorageAccount
) -> None:
    await storage.send("upper", "ab")
    (content,) = await until(lambda: storage.peek("doubled"))
    assert base64.b64decode(content) == b"abab"


async def test_a_message_in_work_longer_than_its_visibility_stays_hidden(
    running_host: Hosts, storage: StorageAccount
) -> None:
    async with running_host(receive_visibility=timedelta(seconds=2)):
        await storage.send("input", "wait")
        await storage.until_seen("message")
        # To see that the message stays hidden, wait longer than its visibility timeout.
        await asyncio.sleep(2.5)
        sys.modules["function_app"].release.set()
    assert len(await storage.seen("message")) == 1
    assert await storage.count("input") == 0, "the renewed receipt deleted it"
