"""The storage queues: requests, callbacks and progress. Bodies are base64, as Azure Functions expects."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import msgspec
from azure.storage.queue import BinaryBase64EncodePolicy
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from batchmgr.adapters.service_errors import service_errors
from batchmgr.model.cloud_event import Event
from batchmgr.wire.queue_message import JobReference

JOB_REQUESTS = "batchmgr-job-requests"
CALLBACKS = "batchmgr-callbacks"
PROGRESS = "batchmgr-progress"
POISON = "-poison"
QUEUES = tuple(name + end for name in (JOB_REQUESTS, CALLBACKS, PROGRESS) for end in ("", POISON))
SERVICE = "Queue storage"
LONGEST_DELAY = timedelta(days=7) - timedelta(minutes=1)
FOR_EVER = -1
CONCURRENT_SENDS = 16


def open_queue(service: QueueServiceClient, name: str) -> QueueClient:
    """A client of one queue that writes base64."""
    return service.get_queue_client(name, message_encode_policy=BinaryBase64EncodePolicy())


class StorageJobQueue:
    """The JobQueue port."""

    def __init__(self, service: QueueServiceClient) -> None:
        self._requests = open_queue(service, JOB_REQUESTS)
        self._request_poison = open_queue(service, JOB_REQUESTS + POISON)
        self._callbacks = open_queue(service, CALLBACKS)
        self._callback_poison = open_queue(service, CALLBACKS + POISON)

    async def enqueue_submission(self, job_id: str, delay: timedelta = timedelta(0)) -> None:
        """Put a reference to the stored request on the job request queue."""
        await _send(self._requests, msgspec.json.encode(JobReference(stored_job_id=job_id)), delay)

    async def enqueue_callback(self, job_id: str, delay: timedelta = timedelta(0)) -> None:
        """Put the job on the callback queue."""
        await _send(self._callbacks, msgspec.json.encode(JobReference(stored_job_id=job_id)), delay)

    async def dead_letter_request(self, body: bytes) -> None:
        """Keep a request as it came."""
        await _send(self._request_poison, body)

    async def dead_letter_callback(self, job_id: str) -> None:
        """Keep the reference to a job whose callback can't be delivered."""
        await _send(self._callback_poison, msgspec.json.encode(JobReference(stored_job_id=job_id)))


class StorageEventSink:
    """The EventSink port: one queue message an event."""

    def __init__(self, service: QueueServiceClient) -> None:
        self._progress = open_queue(service, PROGRESS)

    async def send(self, events: Sequence[Event]) -> None:
        """Send events, at most 16 at once. Readers sort by `sequence`."""
        for start in range(0, len(events), CONCURRENT_SENDS):
            batch = events[start : start + CONCURRENT_SENDS]
            await asyncio.gather(*(_send(self._progress, msgspec.json.encode(event)) for event in batch))


async def _send(queue: QueueClient, body: bytes, delay: timedelta = timedelta(0)) -> None:
    seconds = int(min(delay, LONGEST_DELAY).total_seconds())
    with service_errors(SERVICE):
        await queue.send_message(body, visibility_timeout=seconds, time_to_live=FOR_EVER)
