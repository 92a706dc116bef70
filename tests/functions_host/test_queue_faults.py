"""What a queue listener does when storage fails, or when others change its queue or its messages."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from functions_host.poison_queue import poison_queue_of
from functions_host.queue_listener import QueueListener
from functions_host.queue_polling import QueueNotifier
from functions_host.queue_processor import MessageHandler
from functions_host.settings import QueueSettings
from functions_host.unhandled_errors import UnhandledErrors
from tests.functions_host.conftest import Hosts
from tests.functions_host.storage_account import TIMEOUT_SECONDS, StorageAccount, until

QUICK = QueueSettings(max_polling_interval=timedelta(milliseconds=100))
KEY = {"account_name": "account", "account_key": base64.b64encode(b"key").decode()}


class Handler:
    """Handles messages: `wait` until it is released, `fail`, and anything else at once."""

    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.started: list[str] = []
        self.ended = 0

    async def __call__(self, message: QueueMessage, body: bytes) -> bool:
        self.started.append(body.decode())
        if body == b"wait":
            await self.release.wait()
        self.ended += 1
        return body != b"fail"

    async def until_started(self, count: int) -> None:
        await until(lambda: _true(len(self.started) >= count))

    async def until_ended(self, count: int) -> None:
        await until(lambda: _true(self.ended >= count))


async def _true(value: bool) -> bool:
    return value


def listen(
    queue: QueueClient,
    handler: MessageHandler,
    errors: UnhandledErrors,
    *,
    queues: QueueServiceClient | None = None,
    settings: QueueSettings = QUICK,
) -> QueueListener:
    listener = QueueListener(
        queue=queue,
        poison_queue_of=poison_queue_of(queues, queue.queue_name) if queues else None,
        settings=settings,
        handler=handler,
        notifier=QueueNotifier(),
        errors=errors,
    )
    listener.start()
    return listener


async def test_a_queue_that_is_deleted_is_read_again_once_it_is_back(storage: StorageAccount) -> None:
    handler, errors = Handler(), UnhandledErrors()
    await storage.send("comes", "one")
    queue = storage.queues.get_queue_client("comes")
    listener = listen(queue, handler, errors)
    await handler.until_started(1)
    await queue.delete_queue()
    await asyncio.sleep(0.5)
    await storage.send("comes", "two")
    await handler.until_started(2)
    await listener.stop()
    assert errors.messages == []


async def test_a_queue_that_is_deleted_while_a_message_is_in_flight_is_no_error(
    storage: StorageAccount,
) -> None:
    handler, errors = Handler(), UnhandledErrors()
    await storage.send("goes", "wait")
    queue = storage.queues.get_queue_client("goes")
    listener = listen(queue, handler, errors)
    await handler.until_started(1)
    await queue.delete_queue()
    handler.release.set()
    await listener.stop()
    assert errors.messages == []


@pytest.mark.parametrize("text", ["wait", "wait, then fail"])
async def test_a_message_that_others_took_over_is_left_to_them(storage: StorageAccount, text: str) -> None:
    errors, release = UnhandledErrors(), asyncio.Event()
    received: list[QueueMessage] = []

    async def handle(message: QueueMessage, body: bytes) -> bool:
        received.append(message)
        await release.wait()
        return body == b"wait"

    await storage.send("taken", text)
    queue = storage.queues.get_queue_client("taken")
    listener = listen(queue, handle, errors, queues=storage.queues)
    await until(lambda: _true(bool(received)))
    # Its pop receipt changes, as when another host receives it.
    await queue.update_message(received[0].id, received[0].pop_receipt, visibility_timeout=60)
    release.set()
    await listener.stop()
    assert errors.messages == []
    assert await storage.count("taken") == 1


async def test_an_error_in_the_handler_is_reported_and_its_message_stays_hidden(
    storage: StorageAccount,
) -> None:
    errors = UnhandledErrors()

    async def handle(message: QueueMessage, body: bytes) -> bool:
        raise KeyError("FunctionId")

    await storage.send("odd", "x")
    listener = listen(storage.queues.get_queue_client("odd"), handle, errors, queues=storage.queues)
    async with asyncio.timeout(TIMEOUT_SECONDS):
        await errors.occurred.wait()
    await listener.stop()
    assert errors.messages == ["queue 'odd': KeyError: 'FunctionId'"]
    assert await storage.peek("odd") == []
    assert await storage.count("odd") == 1


async def test_a_poll_that_is_refused_is_reported(storage: StorageAccount) -> None:
    errors = UnhandledErrors()
    wrong = storage.queues.get_queue_client("secret").url
    async with QueueClient(wrong.rpartition("/")[0], "secret", credential=KEY) as queue:
        listener = listen(queue, Handler(), errors)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await errors.occurred.wait()
        await listener.stop()
    (message,) = errors.messages
    assert message.startswith("queue 'secret': ")


async def test_an_abandoned_message_is_neither_deleted_nor_released(storage: StorageAccount) -> None:
    handler, errors = Handler(), UnhandledErrors()
    await storage.send("left", "wait")
    listener = listen(storage.queues.get_queue_client("left"), handler, errors, queues=storage.queues)
    await handler.until_started(1)
    listener.abandon()
    await asyncio.sleep(0)
    handler.release.set()
    await listener.stop()
    assert errors.messages == []
    assert await storage.peek("left") == []
    assert await storage.count("left") == 1


async def test_a_poisoned_message_has_the_body_in_plain_base64(storage: StorageAccount) -> None:
    handler, errors = Handler(), UnhandledErrors()
    await storage.send_raw("bad", " ZmFp\nbA== ")
    settings = QueueSettings(max_polling_interval=QUICK.max_polling_interval, max_dequeue_count=1)
    queue = storage.queues.get_queue_client("bad")
    listener = listen(queue, handler, errors, queues=storage.queues, settings=settings)
    assert await until(lambda: storage.peek("bad-poison")) == ["ZmFpbA=="]
    await listener.stop()
    assert errors.messages == []


async def test_messages_beside_one_that_cannot_be_decoded_are_handled(storage: StorageAccount) -> None:
    handler, errors = Handler(), UnhandledErrors()
    await storage.send("mixed", "one")
    await storage.send_raw("mixed", "?")
    await storage.send("mixed", "two")
    listener = listen(storage.queues.get_queue_client("mixed"), handler, errors, queues=storage.queues)
    await handler.until_ended(2)
    assert await until(lambda: storage.peek("mixed-poison")) == ["?"]
    await listener.stop()
    assert sorted(handler.started) == ["one", "two"]


@asynccontextmanager
async def failing_storage(*answers: int, body: str = "") -> AsyncIterator[tuple[str, list[str]]]:
    """Run a storage service that gives these answers, and 200 after them. Also returns the requests."""
    requests: list[str] = []
    left = list(answers)

    async def answer(request: web.Request) -> web.Response:
        requests.append(f"{request.method} {request.path}")
        return web.Response(status=left.pop(0) if left else 200, text=body, content_type="application/xml")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/account", requests
    finally:
        await runner.cleanup()


EMPTY = "<QueueMessagesList></QueueMessagesList>"


async def test_a_listener_goes_on_when_the_server_fails() -> None:
    errors = UnhandledErrors()
    async with (
        failing_storage(503, 200, 500, 200, 503, body=EMPTY) as (url, requests),
        QueueClient(url, "flaky", credential=KEY, retry_total=0) as queue,
    ):
        listener = listen(queue, Handler(), errors)
        await until(lambda: _true(len(requests) >= 9))
        await listener.stop()
    assert errors.messages == []
    # After each failure it asks first whether the queue still exists.
    polls = [request.endswith("messages") for request in requests[:8]]
    assert polls == [False, False, True, False, True, False, True, True]


async def test_a_listener_can_be_stopped_while_storage_is_away(unused_port: int) -> None:
    errors = UnhandledErrors()
    url = f"http://127.0.0.1:{unused_port}/account"
    async with QueueClient(url, "away", credential=KEY, retry_total=5, initial_backoff=60) as queue:
        listener = listen(queue, Handler(), errors)
        await asyncio.sleep(0.2)
        async with asyncio.timeout(40):
            await listener.stop()


@pytest.fixture
async def unused_port() -> int:
    """A port on which nothing listens."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = int(server.sockets[0].getsockname()[1])
    server.close()
    await server.wait_closed()
    return port


LISTENS_ELSEWHERE = """
import azure.functions as func

app = func.FunctionApp()

@app.queue_trigger(arg_name="msg", queue_name="locked", connection="Elsewhere")
def locked(msg: func.QueueMessage) -> None: ...
"""


async def test_a_host_whose_listener_cannot_go_on_says_so_and_ends(
    running_host: Hosts, storage: StorageAccount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = storage.connection_string.split(";")
    wrong = [f"AccountKey={KEY['account_key']}" if part.startswith("AccountKey=") else part for part in parts]
    monkeypatch.setenv("Elsewhere", ";".join(wrong))
    (tmp_path / "function_app.py").write_text(LISTENS_ELSEWHERE)
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    async with running_host(script_root=tmp_path) as host, aiohttp.ClientSession(host.url) as http:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await host.run(asyncio.Event())
        async with http.get("/admin/host/status") as answer:
            (error,) = (await answer.json())["errors"]
    assert error.startswith("queue 'locked': ")
