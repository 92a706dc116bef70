"""Processes one queue message: hides it while its handler runs, then deletes, releases or poisons it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from azure.core.exceptions import AzureError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from functions_host.poison_queue import PoisonQueueOf, move_to_poison
from functions_host.queue_messages import (
    decode_body,
    delete_message,
    encode_body,
    is_transient,
    release_message,
    renew_message,
)
from functions_host.queue_polling import QueueNotifier
from functions_host.settings import QueueSettings
from functions_host.unhandled_errors import UnhandledErrors

RECEIVE_VISIBILITY = timedelta(minutes=10)
"""How long a received message stays hidden. It is renewed at half time for as long as its handler runs."""

MessageHandler = Callable[[QueueMessage, bytes], Awaitable[bool]]
"""Handle a message and its decoded body. Return whether that succeeded. An exception ends the host."""

_log = logging.getLogger(__name__)


class QueueProcessor:
    """Processes the messages that were received from one queue.

    A message is moved to its poison queue when it has failed `max_dequeue_count` times, or when it cannot be
    decoded. Without a poison queue, such a message stays hidden until its visibility timeout ends.

    If a message is no longer this host's, because its queue is gone or another host has received it, nothing
    more is done. Any other error is reported to `errors`, and the message stays hidden. If `process` is
    cancelled, it makes no more requests, and the message stays hidden too.
    """

    def __init__(
        self,
        *,
        queue: QueueClient,
        poison_queue_of: PoisonQueueOf | None,
        settings: QueueSettings,
        handler: MessageHandler,
        notifier: QueueNotifier,
        errors: UnhandledErrors,
        receive_visibility: timedelta,
    ) -> None:
        self._queue = queue
        self._poison_queue_of = poison_queue_of
        self._settings = settings
        self._handler = handler
        self._notifier = notifier
        self._errors = errors
        self._visibility = int(receive_visibility.total_seconds())

    async def decode(self, message: QueueMessage) -> bytes | None:
        """Return the body of a message. If it cannot be decoded, poison the message and return None."""
        content = message.content or ""
        try:
            return decode_body(content, is_base64=self._settings.base64)
        except ValueError:
            try:
                await self._poison(message, content, "is not base64")
            except AzureError as error:
                if not is_transient(error):
                    raise
                _log.error("Message %s stays in queue '%s': %s", message.id, self._queue.queue_name, error)
            return None

    async def process(self, message: QueueMessage, body: bytes) -> None:
        """Process one message."""
        try:
            if (message.dequeue_count or 0) > self._settings.max_dequeue_count:
                await self._poison_body(message, body)
                return
            succeeded = await self._handle(message, body)
            await self._complete(message, body, succeeded=succeeded)
        except Exception as error:
            self._report(error)

    async def _handle(self, message: QueueMessage, body: bytes) -> bool:
        done = asyncio.Event()
        renewal = asyncio.create_task(self._renew_visibility(message, done))
        try:
            succeeded = await self._handler(message, body)
        except BaseException:
            renewal.cancel()
            raise
        # The renewal is not cancelled: it may just be replacing the pop receipt that deletes the message.
        done.set()
        await renewal
        return succeeded

    async def _renew_visibility(self, message: QueueMessage, done: asyncio.Event) -> None:
        try:
            while not await _is_set_within(done, self._visibility / 2):
                if not await renew_message(self._queue, message, hidden_seconds=self._visibility):
                    return
        except Exception as error:
            self._report(error)

    async def _complete(self, message: QueueMessage, body: bytes, *, succeeded: bool) -> None:
        if succeeded:
            await delete_message(self._queue, message)
        elif (message.dequeue_count or 0) >= self._settings.max_dequeue_count:
            await self._poison_body(message, body)
        elif self._poison_queue_of is not None:
            hidden = int(self._settings.visibility_timeout.total_seconds())
            await release_message(self._queue, message, hidden_seconds=hidden)

    async def _poison_body(self, message: QueueMessage, body: bytes) -> None:
        content = encode_body(body, is_base64=self._settings.base64)
        await self._poison(message, content, "has reached MaxDequeueCount")

    async def _poison(self, message: QueueMessage, content: str, reason: str) -> None:
        if self._poison_queue_of is not None:
            await move_to_poison(
                message,
                content,
                source=self._queue,
                poison=self._poison_queue_of(message),
                notifier=self._notifier,
                reason=reason,
            )

    def _report(self, error: Exception) -> None:
        self._errors.report(f"queue '{self._queue.queue_name}'", error)


async def _is_set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
