"""Processes one queue message: hides it while its handler runs, then deletes, releases or poisons it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from functions_host.poison_queue import PoisonQueueOf, move_to_poison
from functions_host.queue_messages import decode_body, delete_message
from functions_host.settings import QueueSettings

RECEIVE_VISIBILITY = timedelta(minutes=10)
"""How long a received message stays hidden. It is renewed at half time for as long as its handler runs."""

MessageHandler = Callable[[QueueMessage, bytes], Awaitable[bool]]
"""Handle a message and its decoded body. Return whether that succeeded."""

_log = logging.getLogger(__name__)


class QueueProcessor:
    """Processes the messages that were received from one queue.

    A message is moved to its poison queue when it has failed `max_dequeue_count` times, or when it cannot be
    decoded. Without a poison queue, such a message stays hidden until its visibility timeout ends.
    """

    def __init__(
        self,
        *,
        queue: QueueClient,
        poison_queue_of: PoisonQueueOf | None,
        settings: QueueSettings,
        handler: MessageHandler,
        receive_visibility: timedelta,
    ) -> None:
        self._queue = queue
        self._poison_queue_of = poison_queue_of
        self._settings = settings
        self._handler = handler
        self._visibility = int(receive_visibility.total_seconds())

    async def process(self, message: QueueMessage) -> None:
        """Process one message. After a storage error, which is logged, the message becomes visible again."""
        try:
            if (message.dequeue_count or 0) > self._settings.max_dequeue_count:
                await self._poison(message, "has reached MaxDequeueCount")
                return
            try:
                body = decode_body(message, is_base64=self._settings.base64)
            except ValueError:
                await self._poison(message, "is not base64")
                return
            await self._complete(message, succeeded=await self._handle(message, body))
        except AzureError:
            _log.exception("Cannot complete message %s of queue '%s'", message.id, self._queue.queue_name)

    async def _handle(self, message: QueueMessage, body: bytes) -> bool:
        done = asyncio.Event()
        renewal = asyncio.create_task(self._renew_visibility(message, done))
        try:
            return await self._handler(message, body)
        except Exception:
            _log.exception("Message %s of queue '%s' failed", message.id, self._queue.queue_name)
            return False
        finally:
            # The renewal is not cancelled: it may just be replacing the pop receipt that deletes the message.
            done.set()
            await renewal

    async def _renew_visibility(self, message: QueueMessage, done: asyncio.Event) -> None:
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
                _log.warning("Message %s now belongs to another host: %s", message.id, error.message)
                return
            except AzureError as error:
                _log.warning("The visibility of message %s cannot be renewed: %s", message.id, error)
            else:
                message.pop_receipt = renewed.pop_receipt

    async def _complete(self, message: QueueMessage, *, succeeded: bool) -> None:
        if succeeded:
            await delete_message(self._queue, message)
        elif (message.dequeue_count or 0) >= self._settings.max_dequeue_count:
            await self._poison(message, "has reached MaxDequeueCount")
        elif self._poison_queue_of is not None:
            hidden = int(self._settings.visibility_timeout.total_seconds())
            await self._queue.update_message(message, visibility_timeout=hidden)

    async def _poison(self, message: QueueMessage, reason: str) -> None:
        if self._poison_queue_of is not None:
            poison = self._poison_queue_of(message)
            await move_to_poison(message, source=self._queue, poison=poison, reason=reason)
