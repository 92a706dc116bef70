"""Messages are moved to poison queues as in the real host."""

import asyncio
import base64
from pathlib import Path

import pytest
from azure.storage.queue import QueueMessage

from functions_host.job_host import JobHost
from functions_host.poison_queue import poison_queue_of
from functions_host.queue_listener import QueueListener
from functions_host.queue_polling import QueueNotifier
from functions_host.queue_processor import MessageHandler
from functions_host.settings import QueueSettings
from functions_host.unhandled_errors import UnhandledErrors
from tests.functions_host.conftest import Hosts, edit_host_json
from tests.functions_host.storage_account import TIMEOUT_SECONDS, StorageAccount, until


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


async def test_a_poisoned_message_ends_the_pause_of_its_listener(
    storage: StorageAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions_host.queue_polling.polling_delay", lambda *_, **__: 3600)
    seen = asyncio.Event()

    async def fail(message: QueueMessage, body: bytes) -> bool:
        return False

    async def succeed(message: QueueMessage, body: bytes) -> bool:
        seen.set()
        return True

    await storage.queues.create_queue("orders-poison")
    notifier, errors = QueueNotifier(), UnhandledErrors()
    handlers: dict[str, MessageHandler] = {"orders-poison": succeed, "orders": fail}
    listeners = [
        QueueListener(
            queue=storage.queues.get_queue_client(name),
            poison_queue_of=poison_queue_of(storage.queues, name),
            settings=QueueSettings(max_dequeue_count=1),
            handler=handler,
            notifier=notifier,
            errors=errors,
        )
        for name, handler in handlers.items()
    ]
    listeners[0].start()
    await asyncio.sleep(0.5)
    await storage.send("orders", "x")
    listeners[1].start()
    async with asyncio.timeout(TIMEOUT_SECONDS):
        await seen.wait()
    for listener in listeners:
        await listener.stop()


def test_a_queue_whose_poison_queue_would_have_too_long_a_name_has_none(storage: StorageAccount) -> None:
    assert poison_queue_of(storage.queues, "q" * 57) is None
    assert poison_queue_of(storage.queues, "q" * 56) is not None


@pytest.mark.parametrize("number", range(10))
async def test_messages_that_go_bad_at_once_are_all_poisoned(
    running_host: Hosts, app_directory: Path, storage: StorageAccount, number: int
) -> None:
    edit_host_json(
        app_directory, extensions={"queues": {"maxDequeueCount": 1, "maxPollingInterval": "00:00:00.2"}}
    )
    for _ in range(8):
        await storage.send("input", "fail")
    async with running_host(script_root=app_directory):

        async def all_moved() -> bool:
            return len(await storage.peek("input-poison")) == 8 and await storage.count("input") == 0

        await until(all_moved)
    assert len(await storage.seen("message")) == 8


@pytest.mark.parametrize("number", range(10))
async def test_functions_that_send_to_a_missing_queue_at_once_run_once_each(
    running_host: Hosts, app_directory: Path, storage: StorageAccount, number: int
) -> None:
    edit_host_json(
        app_directory, extensions={"queues": {"maxDequeueCount": 1, "maxPollingInterval": "00:00:00.2"}}
    )
    for _ in range(8):
        await storage.send("upper", "ab")
    async with running_host(script_root=app_directory):

        async def all_sent() -> bool:
            return await storage.count("upper") == 0

        await until(all_sent)
    assert len(await storage.peek("doubled")) == 8
    assert await storage.peek("upper-poison") == []
