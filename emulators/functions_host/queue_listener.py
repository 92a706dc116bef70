"""Polls a storage queue and processes its messages in parallel, a batch at a time."""

import asyncio
import logging
from datetime import timedelta

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from functions_host.poison_queue import PoisonQueueOf
from functions_host.queue_messages import is_transient
from functions_host.queue_polling import PollingBackoff, QueueNotifier
from functions_host.queue_processor import RECEIVE_VISIBILITY, MessageHandler, QueueProcessor
from functions_host.settings import QueueSettings
from functions_host.unhandled_errors import UnhandledErrors

# A poll takes milliseconds. One that takes longer waits for its retries, because storage cannot be reached.
_POLL_SECONDS = 1

_log = logging.getLogger(__name__)


class QueueListener:
    """Polls one queue and runs a handler for each message.

    It receives a batch of messages, and the next batch once no more than `new_batch_threshold` messages are
    in flight. While the queue is empty or missing, or the server fails, it polls less and less often; a
    message that this host itself moves to the queue ends a pause. Any other error is reported to `errors`,
    and the listener ends.
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
        receive_visibility: timedelta = RECEIVE_VISIBILITY,
    ) -> None:
        self._queue = queue
        self._settings = settings
        self._errors = errors
        self._notification = notifier.register(queue.queue_name)
        self._visibility = int(receive_visibility.total_seconds())
        self._processor = QueueProcessor(
            queue=queue,
            poison_queue_of=poison_queue_of,
            settings=settings,
            handler=handler,
            notifier=notifier,
            errors=errors,
            receive_visibility=receive_visibility,
        )
        self._backoff = PollingBackoff(settings.max_polling_interval.total_seconds())
        self._queue_exists = False
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
            # A poll in progress is not cancelled: the messages it receives would stay hidden.
            await asyncio.wait((self._poller,), timeout=_POLL_SECONDS)
            self._poller.cancel()
        await self._wait_for_in_flight(0)

    def abandon(self) -> None:
        """Stop at once, and send no more requests.

        The messages in flight are neither deleted nor released. They stay hidden until their visibility
        timeout ends, as they do when a host is killed. Their invocations are not cancelled.
        """
        self._stopping = True
        for task in (self._poller, *self._in_flight):
            if task is not None:
                task.cancel()

    async def _poll(self) -> None:
        try:
            while not self._stopping:
                self._notification.clear()
                if await self._receive_batch():
                    self._backoff.reset()
                    await self._wait_for_in_flight(self._settings.new_batch_threshold)
                elif not self._stopping:
                    await self._pause(self._backoff.next_delay())
        except BaseException as error:
            if not self._stopping:
                self._errors.report(f"queue '{self._queue.queue_name}'", error)
            if not isinstance(error, Exception):
                raise

    async def _receive_batch(self) -> bool:
        """Receive messages and start to process them. Return whether there were any that can be decoded."""
        try:
            messages = await self._receive()
        except HttpResponseError as error:
            self._queue_exists = False
            if not is_transient(error):
                raise
            _log.warning("Cannot read queue '%s': %s", self._queue.queue_name, error.message)
            return False
        bodies = [(message, await self._processor.decode(message)) for message in messages]
        decoded = [(message, body) for message, body in bodies if body is not None]
        for message, body in decoded:
            task = asyncio.create_task(self._processor.process(message, body))
            self._in_flight.add(task)
            task.add_done_callback(self._in_flight.discard)
        return bool(decoded)

    async def _receive(self) -> list[QueueMessage]:
        # The real host asks once whether the queue exists, and again after an error, to avoid 404s.
        if not self._queue_exists and not await self._exists():
            return []
        self._queue_exists = True
        pages = self._queue.receive_messages(
            messages_per_page=self._settings.batch_size, visibility_timeout=self._visibility
        ).by_page()
        page = await anext(pages, None)
        return [message async for message in page] if page is not None else []

    async def _exists(self) -> bool:
        try:
            await self._queue.get_queue_properties()
        except ResourceNotFoundError:
            return False  # Its first sender creates it.
        return True

    async def _wait_for_in_flight(self, at_most: int) -> None:
        while len(self._in_flight) > at_most:
            await asyncio.wait(self._in_flight, return_when=asyncio.FIRST_COMPLETED)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._notification.wait()
        except TimeoutError:
            return
