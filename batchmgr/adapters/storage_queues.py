"""The storage queues: job requests, callbacks and progress, each with its poison queue.

batchmgr puts a job request or a callback into the poison queue (dead-letters it) if it can't be used. The
Functions host does the same after it has failed too often to process a message. Bodies are in base64, as
Azure Functions expects.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import msgspec
from azure.storage.queue import BinaryBase64EncodePolicy
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from batchmgr.adapters.service_errors import create_unless_exists, service_errors
from batchmgr.errors import ServiceNotFoundError
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
    """The EventSink port: one message per event on the progress queue."""

    def __init__(self, service: QueueServiceClient) -> None:
        self._progress = open_queue(service, PROGRESS)

    async def send(self, events: Sequence[Event]) -> None:
        """Send events, 16 at a time, so not in order: consumers sort by `sequence`."""
        for start in range(0, len(events), CONCURRENT_SENDS):
            batch = events[start : start + CONCURRENT_SENDS]
            await asyncio.gather(*(_send(self._progress, msgspec.json.encode(event)) for event in batch))


async def _send(queue: QueueClient, body: bytes, delay: timedelta = timedelta(0)) -> None:
    """Send a message. If somebody has deleted the queue, create it again first."""
    seconds = int(min(delay, LONGEST_DELAY).total_seconds())
    send = partial(queue.send_message, body, visibility_timeout=seconds, time_to_live=NEVER_EXPIRES)
    try:
        with service_errors(SERVICE):
            await send()
    except ServiceNotFoundError:
        with service_errors(SERVICE):
            await create_unless_exists(queue.create_queue())
            await send()
