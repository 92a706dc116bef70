"""Takes messages from a storage queue, and deletes, returns or poisons them when they have been worked on."""

import asyncio
import base64
import binascii
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import timedelta

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from functions_host.queue_messages import send
from functions_host.queue_polling import IdleBackoff
from functions_host.settings import QueueSettings

RECEIVE_VISIBILITY = timedelta(minutes=10)
"""How long a received message stays hidden; renewed at half time for as long as it is in work."""

Handler = Callable[[QueueMessage, bytes], Awaitable[bool]]
"""Works on a message and its decoded body, and says whether that succeeded."""

_log = logging.getLogger(__name__)


class Wakeups:
    """Lets an output of this host wake the listener of the queue it went to."""

    def __init__(self) -> None:
        self._events: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def register(self, queue: str) -> asyncio.Event:
        """Return an event that is set whenever this host has put something on the queue of this name."""
        event = asyncio.Event()
        self._events[queue].add(event)
        return event

    def notify(self, queue: str) -> None:
        """Something was put on the queue."""
        for event in self._events[queue]:
            event.set()


class QueueListener:
    """Polls one queue and hands its messages to a handler.

    A message is poisoned, that is copied to `poison` and deleted, once it has failed `max_dequeue_count`
    times, or when it cannot be decoded. Without a poison queue a failed message stays hidden for a while.
    """

    def __init__(
        self,
        *,
        queue: QueueClient,
        poison: Callable[[QueueMessage], QueueClient] | None,
        settings: QueueSettings,
        handler: Handler,
        wakeup: asyncio.Event,
        receive_visibility: timedelta = RECEIVE_VISIBILITY,
    ) -> None:
        self._queue = queue
        self._poison = poison
        self._settings = settings
        self._handler = handler
        self._wakeup = wakeup
        self._visibility = int(receive_visibility.total_seconds())
        self._backoff = IdleBackoff(settings.max_polling_interval.total_seconds())
        self._in_work: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._poller: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to poll."""
        self._poller = asyncio.create_task(self._poll())

    async def stop(self) -> None:
        """Take no more messages, and return when those in work are done."""
        self._stopping = True
        self._wakeup.set()
        if self._poller is not None:
            await self._poller

    async def _poll(self) -> None:
        while not self._stopping:
            messages = await self._receive()
            for message in messages:
                task = asyncio.create_task(self._process(message))
                self._in_work.add(task)
                task.add_done_callback(self._in_work.discard)
            if messages:
                self._backoff.found()
                await self._work_down_to(self._settings.new_batch_threshold)
            else:
                await self._pause(self._backoff.missed())
        await self._work_down_to(0)

    async def _work_down_to(self, count: int) -> None:
        while len(self._in_work) > count:
            await asyncio.wait(self._in_work, return_when=asyncio.FIRST_COMPLETED)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wakeup.wait()
        except TimeoutError:
            return
        self._wakeup.clear()

    async def _receive(self) -> list[QueueMessage]:
        try:
            pages = self._queue.receive_messages(
                messages_per_page=self._settings.batch_size, visibility_timeout=self._visibility
            ).by_page()
            page = await anext(pages, None)
            return [message async for message in page] if page is not None else []
        except ResourceNotFoundError:
            return []  # Whoever writes to the queue creates it.
        except AzureError as error:
            _log.error("Cannot read queue '%s': %s", self._queue.queue_name, error)
            return []

    async def _process(self, message: QueueMessage) -> None:
        try:
            if (message.dequeue_count or 0) > self._settings.max_dequeue_count:
                await self._give_up(message, "has reached MaxDequeueCount")
                return
            try:
                body = self._decoded(message)
            except ValueError:
                await self._give_up(message, "is not base64")
                return
            await self._settle(message, await self._handle(message, body))
        except AzureError:
            _log.exception("Cannot settle message %s of queue '%s'", message.id, self._queue.queue_name)

    def _decoded(self, message: QueueMessage) -> bytes:
        if not self._settings.base64:
            return str(message.content).encode()
        try:
            return base64.b64decode(message.content, validate=True)
        except binascii.Error as error:
            raise ValueError(str(error)) from error

    async def _handle(self, message: QueueMessage, body: bytes) -> bool:
        done = asyncio.Event()
        renewal = asyncio.create_task(self._keep_hidden(message, done))
        try:
            return await self._handler(message, body)
        except Exception:
            _log.exception("Message %s of queue '%s' failed", message.id, self._queue.queue_name)
            return False
        finally:
            # Not cancelled: a renewal under way may have replaced the receipt that settles the message.
            done.set()
            await renewal

    async def _keep_hidden(self, message: QueueMessage, done: asyncio.Event) -> None:
        while True:
            try:
                async with asyncio.timeout(self._visibility / 2):
                    await done.wait()
                return
            except TimeoutError:
                pass
            try:
                renewed = await self._queue.update_message(message, visibility_timeout=self._visibility)
            except HttpResponseError as error:
                _log.warning("Message %s is no longer ours: %s", message.id, error.message)
                return
            except AzureError as error:
                _log.warning("Message %s could not be renewed: %s", message.id, error)
            else:
                message.pop_receipt = renewed.pop_receipt

    async def _settle(self, message: QueueMessage, succeeded: bool) -> None:
        if succeeded:
            await self._delete(message)
        elif (message.dequeue_count or 0) >= self._settings.max_dequeue_count:
            await self._give_up(message, "has reached MaxDequeueCount")
        elif self._poison is not None:
            hidden = int(self._settings.visibility_timeout.total_seconds())
            await self._queue.update_message(message, visibility_timeout=hidden)

    async def _give_up(self, message: QueueMessage, why: str) -> None:
        if self._poison is None:
            return
        poison = self._poison(message)
        _log.error("Message %s %s. Moving it to queue '%s'.", message.id, why, poison.queue_name)
        await send(poison, message.content)
        await self._delete(message)

    async def _delete(self, message: QueueMessage) -> None:
        try:
            await self._queue.delete_message(message)
        except ResourceNotFoundError:
            _log.warning("Message %s was taken over by another host", message.id)
