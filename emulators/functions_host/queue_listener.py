"""Polls a storage queue and processes its messages in parallel, a batch at a time."""

import asyncio
import logging
from datetime import timedelta

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from functions_host.poison_queue import PoisonQueueOf
from functions_host.queue_polling import PollingBackoff
from functions_host.queue_processor import RECEIVE_VISIBILITY, MessageHandler, QueueProcessor
from functions_host.settings import QueueSettings

_log = logging.getLogger(__name__)


class QueueListener:
    """Polls one queue and runs a handler for each message.

    It receives a batch of messages, and the next batch once no more than `new_batch_threshold` messages are
    in flight. While the queue is empty or missing, it polls less and less often; `notification` ends a pause.
    """

    def __init__(
        self,
        *,
        queue: QueueClient,
        poison_queue_of: PoisonQueueOf | None,
        settings: QueueSettings,
        handler: MessageHandler,
        notification: asyncio.Event,
        receive_visibility: timedelta = RECEIVE_VISIBILITY,
    ) -> None:
        self._queue = queue
        self._settings = settings
        self._notification = notification
        self._visibility = int(receive_visibility.total_seconds())
        self._processor = QueueProcessor(
            queue=queue,
            poison_queue_of=poison_queue_of,
            settings=settings,
            handler=handler,
            receive_visibility=receive_visibility,
        )
        self._backoff = PollingBackoff(settings.max_polling_interval.total_seconds())
        self._in_flight: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._poller: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start to poll."""
        self._poller = asyncio.create_task(self._poll())

    async def stop(self) -> None:
        """Receive no more messages, and return when those in flight are processed."""
        self._stopping = True
        self._notification.set()
        if self._poller is not None:
            await self._poller

    async def _poll(self) -> None:
        while not self._stopping:
            messages = await self._receive()
            for message in messages:
                task = asyncio.create_task(self._processor.process(message))
                self._in_flight.add(task)
                task.add_done_callback(self._in_flight.discard)
            if messages:
                self._backoff.reset()
                await self._wait_for_in_flight(self._settings.new_batch_threshold)
            else:
                await self._pause(self._backoff.next_delay())
        await self._wait_for_in_flight(0)

    async def _wait_for_in_flight(self, at_most: int) -> None:
        while len(self._in_flight) > at_most:
            await asyncio.wait(self._in_flight, return_when=asyncio.FIRST_COMPLETED)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._notification.wait()
        except TimeoutError:
            return
        self._notification.clear()

    async def _receive(self) -> list[QueueMessage]:
        try:
            pages = self._queue.receive_messages(
                messages_per_page=self._settings.batch_size, visibility_timeout=self._visibility
            ).by_page()
            page = await anext(pages, None)
            return [message async for message in page] if page is not None else []
        except ResourceNotFoundError:
            return []  # The queue is missing. Its first sender creates it.
        except AzureError as error:
            _log.error("Cannot read queue '%s': %s", self._queue.queue_name, error)
            return []
