"""The host's own endpoints under `/admin`."""

import aiohttp
import pytest

from functions_host.job_host import JobHost
from tests.functions_host.storage_account import StorageAccount, until


async def test_the_host_tells_its_id_and_that_it_runs(http: aiohttp.ClientSession) -> None:
    async with http.get("/admin/host/status") as answer:
        status = await answer.json()
    assert status["id"] == "testhost"
    assert status["state"] == "Running"
    assert "errors" not in status


async def test_functions_are_listed_with_urls_and_bindings(
    host: JobHost, http: aiohttp.ClientSession
) -> None:
    async with http.get("/admin/functions") as answer:
        functions = {function["name"]: function for function in await answer.json()}
    assert functions["echo"]["invoke_url_template"] == f"{host.url}/api/echo/{{id:int?}}"
    assert functions["on_message"]["invoke_url_template"] is None
    assert functions["on_message"]["config"]["bindings"][0]["queueName"] == "%InQueue%"
    assert functions["double"]["config"]["bindings"][1]["type"] == "queue"


async def test_a_queue_function_runs_by_hand(http: aiohttp.ClientSession, storage: StorageAccount) -> None:
    async with http.post("/admin/functions/ON_MESSAGE", json={"input": "by hand"}) as answer:
        assert answer.status == 202
    (seen,) = await storage.until_seen("message")
    assert seen["body"] == "by hand"
    assert seen["dequeueCount"] == 0


async def test_a_blob_function_runs_by_hand_on_a_path(
    http: aiohttp.ClientSession, storage: StorageAccount
) -> None:
    await storage.upload("events", "x", "hello")
    async with http.post("/admin/functions/on_event", json={"input": "events/x"}) as answer:
        assert answer.status == 202
    assert await storage.until_seen("event") == [{"name": "events/x", "body": "hello"}]


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("nobody", b'{"input": ""}', 404),
        ("on_message", b"not json", 400),
        ("on_message", b"[]", 400),
        ("echo", b'{"input": ""}', 202),
    ],
)
async def test_other_calls_have_a_status_that_says_what_is_wrong(
    http: aiohttp.ClientSession, name: str, body: bytes, status: int
) -> None:
    headers = {"Content-Type": "application/json"}
    async with http.post(f"/admin/functions/{name}", data=body, headers=headers) as answer:
        assert answer.status == status


async def test_a_call_that_cannot_be_made_is_logged(
    http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    async with http.post("/admin/functions/on_event", json={"input": "events/gone"}) as answer:
        assert answer.status == 202

    async def is_logged() -> bool:
        return "'on_event' cannot be called with 'events/gone'" in caplog.text

    await until(is_logged)
