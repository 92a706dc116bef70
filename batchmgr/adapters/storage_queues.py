"""The storage queues: job requests, callbacks and progress, each with its poison queue.

batchmgr puts a job request or a callback into the poison queue (dead-letters it) if it can't be used. The
Functions host does the same after it has failed too often to process a message. Bodies are in base64, as
Azure Functions expects.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import msgspec
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import BinaryBase64EncodePolicy
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from batchmgr.adapters.service_errors import create_unless_exists, service_errors
from batchmgr.errors import ServiceBusyError, ServiceError
from batchmgr.model.cloud_event import Event
from batchmgr.wire.queue_message import JobReference

JOB_REQUESTS = "batchmgr-job-requests"
CALLBACKS = "batchmgr-callbacks"
PROGRESS = "batchmgr-progress"
POISON = "-poison"
"""Suffix of the name of a poison queue. Azure Functions prescribes it."""

JOB_REQUESTS_POISON = JOB_REQUESTS + POISON
CALLBACKS_POISON = CALLBACKS + POISON
QUEUES = tuple(name + suffix for name in (JOB_REQUESTS, CALLBACKS, PROGRESS) for suffix in ("", POISON))
SERVICE = "Queue storage"
LONGEST_DELAY = timedelta(days=7) - timedelta(minutes=1)
NEVER_EXPIRES = -1
CONCURRENT_SENDS = 16
SEND_TIMEOUT = 5
PAUSE_AFTER_FAILURE = 20.0
"""Seconds that the progress queue may take, and is left alone after it has failed."""

FAILURE_SHOWN = 60.0
"""For how many more seconds the health check shows a failure, unless events are taken again."""

MAX_BODY = 48 * 1024
"""A queue message holds 64 KiB in base64."""

logger = logging.getLogger(__name__)


def open_queue(service: QueueServiceClient, name: str) -> QueueClient:
    """Return a client of one queue that writes base64."""
    return service.get_queue_client(name, message_encode_policy=BinaryBase64EncodePolicy())


class StorageJobQueue:
    """The JobQueue port: the queues by which batchmgr calls its own functions, and their poison queues."""

    def __init__(self, service: QueueServiceClient) -> None:
        self._requests = open_queue(service, JOB_REQUESTS)
        self._requests_poison = open_queue(service, JOB_REQUESTS_POISON)
        self._callbacks = open_queue(service, CALLBACKS)
        self._callbacks_poison = open_queue(service, CALLBACKS_POISON)

    async def enqueue_submission(self, job_id: str, delay: timedelta = timedelta(0)) -> None:
        """Put a reference to the stored request on the job request queue, visible after `delay`."""
        await _send(self._requests, msgspec.json.encode(JobReference(stored_job_id=job_id)), delay)

    async def enqueue_callback(self, job_id: str, delay: timedelta = timedelta(0)) -> None:
        """Put a reference to the job on the callback queue, visible after `delay`."""
        await _send(self._callbacks, msgspec.json.encode(JobReference(stored_job_id=job_id)), delay)

    async def dead_letter_request(self, body: bytes) -> None:
        """Put a request on the poison queue, byte for byte."""
        await _send(self._requests_poison, body)

    async def dead_letter_callback(self, job_id: str) -> None:
        """Put a reference to a job whose callback can't be delivered on the poison queue."""
        await _send(self._callbacks_poison, msgspec.json.encode(JobReference(stored_job_id=job_id)))


class StorageEventSink:
    """The EventSink port: one message per event on the progress queue.

    After a failure the queue is left alone for some seconds, so that jobs don't wait for it one by one.
    """

    def __init__(self, service: QueueServiceClient) -> None:
        self._progress = open_queue(service, PROGRESS)
        self._failure: ServiceError | None = None
        self._retry_time = 0.0

    async def send(self, events: Sequence[Event]) -> None:
        """Send events, 16 at a time, so not in order: consumers sort by `sequence`."""
        if self._failure is not None and time.monotonic() < self._retry_time:
            raise self._failure
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                await self._send_all([message for event in events if (message := _message(event))])
        except TimeoutError:
            self._note(slow := ServiceBusyError(f"{SERVICE} has not taken the events in {SEND_TIMEOUT} s"))
            raise slow from None
        except ServiceError as error:
            self._note(error)
            raise
        if events:
            self._note(None)

    async def check(self) -> None:
        """Raise ServiceError if events were refused a moment ago, or the queue can't be reached."""
        if self._failure is not None and time.monotonic() < self._retry_time + FAILURE_SHOWN:
            raise self._failure
        with service_errors(SERVICE):
            try:
                async with asyncio.timeout(SEND_TIMEOUT):
                    await self._progress.get_queue_properties()
            except ResourceNotFoundError:
                return  # the next event creates it
            except TimeoutError:
                raise ServiceBusyError(f"{SERVICE} has not answered in {SEND_TIMEOUT} s") from None

    async def _send_all(self, messages: Sequence[bytes]) -> None:
        for start in range(0, len(messages), CONCURRENT_SENDS):
            some = messages[start : start + CONCURRENT_SENDS]
            await asyncio.gather(*(_send(self._progress, message) for message in some))

    def _note(self, failure: ServiceError | None) -> None:
        """Remember whether the queue takes events, and log when that changes."""
        if failure is not None and self._failure is None:
            logger.error("the queue %s takes no events, jobs go on without it: %s", PROGRESS, failure)
        elif failure is None and self._failure is not None:
            logger.warning("the queue %s takes events again", PROGRESS)
        self._failure, self._retry_time = failure, time.monotonic() + PAUSE_AFTER_FAILURE


def _message(event: Event) -> bytes:
    """Return the message of an event; nothing if it is too large, as some of earlier versions are."""
    body = msgspec.json.encode(event)
    if len(body) <= MAX_BODY:
        return body
    logger.error("event %s has %d bytes, too many for a message: it is in the log only", event.id, len(body))
    return b""


async def _send(queue: QueueClient, body: bytes, delay: timedelta = timedelta(0)) -> None:
    """Send a message. If somebody has deleted the queue, create it again first."""
    seconds = int(min(delay, LONGEST_DELAY).total_seconds())
    send = partial(queue.send_message, body, visibility_timeout=seconds, time_to_live=NEVER_EXPIRES)
    with service_errors(SERVICE):
        try:
            await send()
        except ResourceNotFoundError:
            await create_unless_exists(queue.create_queue())
            try:
                await send()
            except ResourceNotFoundError as error:  # deleted again
                raise ServiceBusyError(
                    f"the queue {queue.queue_name} is missing", code="QueueNotFound"
                ) from error
