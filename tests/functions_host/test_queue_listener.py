"""The queue listener by itself: when it looks, and how much it takes."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from datetime import timedelta

from azure.storage.queue import QueueMessage
from hypothesis import given
from hypothesis import strategies as st

from functions_host.queue_listener import QueueListener
from functions_host.queue_polling import PollingBackoff, QueueNotifier, polling_delay
from functions_host.settings import QueueSettings
from tests.functions_host.storage_account import TIMEOUT_SECONDS, StorageAccount, until

SPREADS = st.floats(-0.2, 0.2)


@given(st.integers(0, 10_000), SPREADS, st.floats(0.1, 60))
def test_a_pause_is_between_100_ms_and_the_longest(empty_polls: int, spread: float, longest: float) -> None:
    assert min(0.1, longest) <= polling_delay(empty_polls, longest=longest, spread=spread) <= longest


@given(st.integers(1, 20), SPREADS)
def test_the_growing_part_doubles_with_each_miss_within_a_fifth(empty_polls: int, spread: float) -> None:
    exact = 0.1 * 2 ** (empty_polls - 1)
    grown = polling_delay(empty_polls, longest=1e9, spread=spread) - 0.1
    assert 0.799 * exact <= grown <= 1.201 * exact


def test_work_makes_the_next_pause_short_again() -> None:
    backoff = PollingBackoff(longest=2)
    for _ in range(20):
        last = backoff.next_delay()
    assert last == 2
    backoff.reset()
    assert backoff.next_delay() == 0.1


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
        notification=notifier.register("pausing"),
    )
    listener.start()
    # By its tenth empty look a listener pauses for nearly a minute.
    listener._backoff = PollingBackoff(longest=3600)
    for _ in range(10):
        listener._backoff.next_delay()
    await queue.send_message(base64.b64encode(b"x").decode())
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not seen.is_set():
            notifier.notify("pausing")
            await asyncio.sleep(0.02)
    await listener.stop()


async def test_a_new_batch_is_fetched_once_work_is_down_to_the_threshold(storage: StorageAccount) -> None:
    queue = await storage.queues.create_queue("crowded")
    for _ in range(12):
        await queue.send_message(base64.b64encode(b"x").decode())
    in_work: list[asyncio.Event] = []
    started = 0

    async def handle(message: QueueMessage, body: bytes) -> bool:
        nonlocal started
        started += 1
        done = asyncio.Event()
        in_work.append(done)
        await done.wait()
        in_work.remove(done)
        return True

    settings = QueueSettings(
        batch_size=4, new_batch_threshold=2, max_polling_interval=timedelta(milliseconds=100)
    )
    listener = QueueListener(
        queue=queue, poison_queue_of=None, settings=settings, handler=handle, notification=asyncio.Event()
    )
    listener.start()

    def has_started(count: int) -> Callable[[], Awaitable[bool]]:
        async def check() -> bool:
            return started == count

        return check

    await until(has_started(4))
    in_work[0].set()
    assert len(await queue.peek_messages(32)) == 8, "three in work are one too many for a new batch"
    in_work[1].set()
    await until(has_started(8))
    assert len(in_work) == 6
    for work in in_work:
        work.set()
    await until(has_started(12))
    for work in in_work:
        work.set()
    await listener.stop()
    assert await storage.count("crowded") == 0
