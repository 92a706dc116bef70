"""The queue listener alone: when it polls, and how many messages it receives."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from datetime import timedelta

from azure.storage.queue import QueueMessage

from functions_host.queue_listener import QueueListener
from functions_host.queue_polling import PollingBackoff, QueueNotifier
from functions_host.settings import QueueSettings
from functions_host.unhandled_errors import UnhandledErrors
from tests.functions_host.storage_account import TIMEOUT_SECONDS, StorageAccount, until


async def test_a_notification_ends_a_long_pause(storage: StorageAccount) -> None:
    seen = asyncio.Event()

    async def handle(message: QueueMessage, body: bytes) -> bool:
        seen.set()
        return True

    notifier = QueueNotifier()
    queue = await storage.queues.create_queue("pausing")
    listener = QueueListener(
        queue=queue,
        poison_queue_of=None,
        settings=QueueSettings(max_polling_interval=timedelta(hours=1)),
        handler=handle,
        notifier=notifier,
        errors=UnhandledErrors(),
    )
    listener.start()
    # After ten empty polls a listener pauses for nearly a minute.
    listener._backoff = PollingBackoff(longest=3600)
    for _ in range(10):
        listener._backoff.next_delay()
    await queue.send_message(base64.b64encode(b"x").decode())
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not seen.is_set():
            notifier.notify("pausing")
            await asyncio.sleep(0.02)
    await listener.stop()


async def test_a_new_batch_is_fetched_once_in_flight_is_down_to_the_threshold(
    storage: StorageAccount,
) -> None:
    queue = await storage.queues.create_queue("crowded")
    for _ in range(12):
        await queue.send_message(base64.b64encode(b"x").decode())
    in_flight: list[asyncio.Event] = []
    started = 0

    async def handle(message: QueueMessage, body: bytes) -> bool:
        nonlocal started
        started += 1
        done = asyncio.Event()
        in_flight.append(done)
        await done.wait()
        in_flight.remove(done)
        return True

    settings = QueueSettings(
        batch_size=4, new_batch_threshold=2, max_polling_interval=timedelta(milliseconds=100)
    )
    listener = QueueListener(
        queue=queue,
        poison_queue_of=None,
        settings=settings,
        handler=handle,
        notifier=QueueNotifier(),
        errors=UnhandledErrors(),
    )
    listener.start()

    def has_started(count: int) -> Callable[[], Awaitable[bool]]:
        async def check() -> bool:
            return started == count

        return check

    await until(has_started(4))
    in_flight[0].set()
    assert len(await queue.peek_messages(32)) == 8, "three in flight are one too many for a new batch"
    in_flight[1].set()
    await until(has_started(8))
    assert len(in_flight) == 6
    for work in in_flight:
        work.set()
    await until(has_started(12))
    for work in in_flight:
        work.set()
    await listener.stop()
    assert await storage.count("crowded") == 0
