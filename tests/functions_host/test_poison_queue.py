"""Messages are moved to poison queues as in the real host."""

import base64
from pathlib import Path

import pytest

from functions_host.job_host import JobHost
from tests.functions_host.conftest import Hosts, edit_host_json
from tests.functions_host.storage_account import StorageAccount, until


async def test_a_message_is_poisoned_after_five_failures(host: JobHost, storage: StorageAccount) -> None:
    await storage.send("input", "fail")
    (content,) = await until(lambda: storage.peek("input-poison"))
    assert base64.b64decode(content) == b"fail"
    seen = await storage.seen("message")
    assert [fact["dequeueCount"] for fact in seen] == [1, 2, 3, 4, 5]


async def test_the_dequeue_limit_comes_from_host_json(
    running_host: Hosts, app_directory: Path, storage: StorageAccount
) -> None:
    edit_host_json(
        app_directory, extensions={"queues": {"maxDequeueCount": 1, "maxPollingInterval": "00:00:00.2"}}
    )
    async with running_host(script_root=app_directory):
        await storage.send("input", "fail")
        await until(lambda: storage.peek("input-poison"))
    assert len(await storage.seen("message")) == 1


async def test_a_message_that_came_too_often_is_poisoned_without_a_run(
    running_host: Hosts, storage: StorageAccount
) -> None:
    await storage.send("input", "hello")
    queue = storage.queues.get_queue_client("input")
    for _ in range(5):
        message = await queue.receive_message(visibility_timeout=30)
        assert message is not None
        await queue.update_message(message, visibility_timeout=0)
    async with running_host():
        await until(lambda: storage.peek("input-poison"))
    assert await storage.seen("message") == []


async def test_a_message_that_is_not_base64_is_poisoned_as_it_is_without_a_run(
    host: JobHost, storage: StorageAccount
) -> None:
    await storage.send_raw("input", "not base64!")
    assert await until(lambda: storage.peek("input-poison")) == ["not base64!"]
    assert await storage.seen("message") == []


async def test_a_queue_ending_in_poison_has_no_poison_queue_of_its_own(
    running_host: Hosts, app_directory: Path, storage: StorageAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("InQueue", "my-poison")
    edit_host_json(
        app_directory, extensions={"queues": {"maxDequeueCount": 1, "maxPollingInterval": "00:00:00.2"}}
    )
    async with running_host(script_root=app_directory):
        await storage.send("my-poison", "fail")
        await storage.until_seen("message")
    names = [queue.name async for queue in storage.queues.list_queues()]
    assert names == ["my-poison"]
    assert await storage.count("my-poison") == 1, "it stays hidden until its visibility ends"
