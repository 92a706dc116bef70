"""The storage queues: job requests, callbacks and progress, each with its poison queue.

batchmgr puts a job request or a callback into the poison queue (dead-letters it) if it can't be used. The
Functions host does the same after it has failed too often to process a message. What batchmgr writes itself
is in base64, which every consumer that is an Azure Functions app expects; what others wrote is kept as it is.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import BinaryBase64EncodePolicy, QueueMessage
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from batchmgr.adapters.pausing_sink import PausingSink
from batchmgr.adapters.queue_names import (
    CALLBACKS,
    CALLBACKS_POISON,
    FINALIZE,
    JOB_REQUESTS,
    POISON,
    POLLS,
    PROGRESS,
)
from batchmgr.adapters.service_errors import create_unless_exists, service_errors
from batchmgr.errors import ServiceBusyError, ServiceNotFoundError
from batchmgr.model.active_job import ActiveJob
from batchmgr.model.cloud_event import Event
from batchmgr.model.telemetry_names import DEAD_LETTERS, QUEUE
from batchmgr.queue_ports import PoisonMessage, PoisonQueue
from batchmgr.telemetry_port import Telemetry
from batchmgr.wire.event_batches import event_batches
from batchmgr.wire.queue_message import FinalizeReference, JobReference, PollRequest

SERVICE = "Queue storage"
LONGEST_DELAY = timedelta(days=7) - timedelta(minutes=1)
NEVER_EXPIRES = -1
POLL_EXPIRES = 60
"""After so many seconds a poll that nobody has done is no longer wanted: the next ones have followed."""

CONCURRENT_SENDS = 16
PAGE = 32
"""How many messages one call returns, at most."""

MOST_TAKEN = 640
HIDDEN_SECONDS = 60
"""How long a message that was taken stays hidden: much longer than it takes to decide on it."""

MOST_REMEMBERED = 10_000
DEEP_LOOKS_APART = 600.0
"""Seconds between two looks behind messages that are kept, where these fill the first page."""

logger = logging.getLogger(__name__)


def open_queue(service: QueueServiceClient, name: str) -> QueueClient:
    """Return a client of one queue that writes base64."""
    return service.get_queue_client(name, message_encode_policy=BinaryBase64EncodePolicy())


class StorageJobQueue:
    """The JobQueue port: the queues by which batchmgr calls its own functions, and their poison queues."""

    def __init__(self, service: QueueServiceClient) -> None:
        self._requests = open_queue(service, JOB_REQUESTS)
        self._requests_poison = service.get_queue_client(JOB_REQUESTS + POISON)
        self._callbacks = open_queue(service, CALLBACKS)
        self._callbacks_poison = open_queue(service, CALLBACKS_POISON)
        self._finalize = open_queue(service, FINALIZE)
        self._polls = open_queue(service, POLLS)

    async def enqueue_submission(self, job_id: str, delay: timedelta = timedelta(0)) -> None:
        """Put a reference to the stored request on the job request queue, visible after `delay`."""
        await _send(self._requests, msgspec.json.encode(JobReference(stored_job_id=job_id)), delay)

    async def enqueue_callback(self, job_id: str, delay: timedelta = timedelta(0)) -> None:
        """Put a reference to the job on the callback queue, visible after `delay`."""
        await _send(self._callbacks, msgspec.json.encode(JobReference(stored_job_id=job_id)), delay)

    async def enqueue_finalize(self, job_id: str, attempts: int, delay: timedelta) -> None:
        """Put a reference to the job on the finalize queue, visible after `delay`."""
        body = msgspec.json.encode(FinalizeReference(stored_job_id=job_id, attempts=attempts))
        await _send(self._finalize, body, delay)

    async def enqueue_polls(self, jobs: Sequence[ActiveJob]) -> None:
        """Put the index entries of active jobs on the poll queue."""
        await _send(self._polls, msgspec.json.encode(PollRequest(jobs=tuple(jobs))), expires=POLL_EXPIRES)

    async def enqueue_long_poll(self, job_id: str) -> None:
        """Put a reference to an active job on the poll queue."""
        await _send(self._polls, msgspec.json.encode(PollRequest(long_poll_of=job_id)), expires=POLL_EXPIRES)

    async def polls_waiting(self) -> int:
        """Return the approximate number of messages in the poll queue, those at work included."""
        return await _count(self._polls)

    async def dead_letter_request(self, body: bytes) -> None:
        """Put the text of a request on the poison queue, as it is: in base64 it might be too large."""
        await _send(self._requests_poison, body.decode(errors="replace"))

    async def dead_letter_callback(self, job_id: str) -> None:
        """Put a reference to a job whose callback can't be delivered on the poison queue."""
        await _send(self._callbacks_poison, msgspec.json.encode(JobReference(stored_job_id=job_id)))


class StorageEventSink(PausingSink):
    """The EventSink port: the progress queue, with as many events as fit into each message.

    A message that nobody takes is gone after its time to live.
    """

    def __init__(self, service: QueueServiceClient, time_to_live: timedelta | None = None) -> None:
        super().__init__(f"the queue {PROGRESS}", SERVICE)
        self._progress = open_queue(service, PROGRESS)
        self._expires = int(time_to_live.total_seconds()) if time_to_live else NEVER_EXPIRES

    async def send_all(self, events: Sequence[Event]) -> None:
        """Send events, 16 messages at a time, so not in order: consumers sort by `sequence`."""
        messages = list(event_batches(events))
        for start in range(0, len(messages), CONCURRENT_SENDS):
            some = messages[start : start + CONCURRENT_SENDS]
            await asyncio.gather(*(_send(self._progress, message, expires=self._expires) for message in some))

    async def look(self) -> None:
        """Ask for the properties of the queue. If it is missing, the next event creates it."""
        with suppress(ResourceNotFoundError):
            await self._progress.get_queue_properties()


class StoragePoisonQueues:
    """The PoisonQueues port. Messages are read as text: who wrote them may or may not have used base64.

    A queue is looked at without a trace. Only if it may hold messages that are not known are they taken.
    """

    def __init__(self, service: QueueServiceClient, telemetry: Telemetry) -> None:
        self._service = service
        self._telemetry = telemetry
        self._requests = service.get_queue_client(JOB_REQUESTS)
        self._kept: dict[str, None] = {}
        self._looked_behind = -DEEP_LOOKS_APART

    async def counts(self) -> Mapping[str, int]:
        """Return the approximate numbers that the service keeps, hidden messages included."""
        names = [*PoisonQueue, PROGRESS + POISON]
        found = await asyncio.gather(*map(self._count, names))
        return {str(name): number for name, number in zip(names, found, strict=True) if number}

    async def undecided(self, queue: PoisonQueue) -> Sequence[PoisonMessage]:
        """Take what is not known to be kept. If 32 kept messages are in front, look behind them at times."""
        client = self._service.get_queue_client(queue)
        with service_errors(SERVICE):
            try:
                seen = await client.peek_messages(max_messages=PAGE)
                self._telemetry.record(DEAD_LETTERS, len(seen), {QUEUE: str(queue)})
                if not self._may_hold_others([str(message.id) for message in seen]):
                    return ()
                pages = client.receive_messages(
                    messages_per_page=PAGE, max_messages=MOST_TAKEN, visibility_timeout=HIDDEN_SECONDS
                )
                taken = [_poison(queue, message) async for message in pages]
            except ResourceNotFoundError:
                self._telemetry.record(DEAD_LETTERS, 0, {QUEUE: str(queue)})
                return ()
        known = [message for message in taken if message.id in self._kept]
        await asyncio.gather(*map(self.keep, known))
        return [message for message in taken if message.id not in self._kept]

    async def put_back(self, message: PoisonMessage) -> None:
        """Send a job request to its queue again, as it is."""
        await _send(self._requests, message.body.decode())

    async def remove(self, message: PoisonMessage) -> None:
        """Delete a message, unless somebody else has taken it."""
        with service_errors(SERVICE):
            try:
                await self._service.get_queue_client(message.queue).delete_message(
                    message.id, message.receipt
                )
            except ResourceNotFoundError:
                return

    async def keep(self, message: PoisonMessage) -> None:
        """Make a message visible again, unless somebody else has taken it. Remember it."""
        if len(self._kept) >= MOST_REMEMBERED:
            self._kept.clear()
        self._kept[message.id] = None
        with service_errors(SERVICE):
            try:
                await self._service.get_queue_client(message.queue).update_message(
                    message.id, message.receipt, visibility_timeout=0
                )
            except ResourceNotFoundError:
                return

    def _may_hold_others(self, ids: Sequence[str]) -> bool:
        if not all(message_id in self._kept for message_id in ids):
            return True
        if len(ids) < PAGE or time.monotonic() - self._looked_behind < DEEP_LOOKS_APART:
            return False
        self._looked_behind = time.monotonic()
        return True

    async def _count(self, name: str) -> int:
        return await _count(self._service.get_queue_client(name))


def _poison(queue: PoisonQueue, message: QueueMessage) -> PoisonMessage:
    return PoisonMessage(
        queue=queue,
        id=str(message.id),
        body=str(message.content).encode(),
        inserted_at=message.inserted_on or datetime.now(UTC),
        receipt=str(message.pop_receipt or ""),
    )


async def _count(queue: QueueClient) -> int:
    """Return about how many messages a queue holds. A queue that does not exist holds none."""
    with service_errors(SERVICE):
        try:
            properties = await queue.get_queue_properties()
        except ResourceNotFoundError:
            return 0
    return int(properties.approximate_message_count or 0)


async def _send(
    queue: QueueClient, body: bytes | str, delay: timedelta = timedelta(0), *, expires: int = NEVER_EXPIRES
) -> None:
    """Send a message. If somebody has deleted the queue, create it again first."""
    seconds = int(min(delay, LONGEST_DELAY).total_seconds())
    send = partial(queue.send_message, body, visibility_timeout=seconds, time_to_live=expires)
    try:
        with service_errors(SERVICE):
            await send()
    except ServiceNotFoundError:
        with service_errors(SERVICE):
            await create_unless_exists(queue.create_queue())
            try:
                await send()
            except ResourceNotFoundError as error:  # deleted again
                raise ServiceBusyError(
                    f"the queue {queue.queue_name} is missing", code="QueueNotFound"
                ) from error
