"""Ports in memory: the job store, the event log, the job queue and the finalize signal.

Their content is lost when the process ends. Each passes the same contract tests as its adapter for Azure.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from batchmgr.errors import JobNotFoundError, RecordChangedError, ServiceRefusedError
from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record import JobRecord
from batchmgr.model.record_overflow import split
from batchmgr.model.size_limits import MAX_EVENT, MAX_RECORD, size_of
from batchmgr.plan.ids import job_key
from batchmgr.ports import Clock, Versioned
from batchmgr.wire.job_message import JobMessage


class MemoryJobStore:
    """The JobStore port: requests, records and the active index in dictionaries.

    A record has the limit that it has in Azure: 256 KiB, without the parts that overflow.
    """

    def __init__(self) -> None:
        self.requests: dict[str, JobMessage] = {}
        self.tasks: dict[str, bytes] = {}
        self.records: dict[str, Versioned[JobRecord]] = {}
        self.active: set[str] = set()
        self._version = 0

    async def save_request(self, job_id: str, message: JobMessage) -> JobMessage:
        """Store the request unless one is stored. Return the stored request."""
        return self.requests.setdefault(job_key(job_id), msgspec.structs.replace(message, job_id=job_id))

    async def load_request(self, job_id: str) -> JobMessage:
        """Return the stored request. Raises JobNotFoundError."""
        if job_key(job_id) not in self.requests:
            raise JobNotFoundError(job_id)
        return self.requests[job_key(job_id)]

    async def save_tasks(self, job_id: str, body: bytes) -> bytes:
        """Store the job's tasks unless some are stored. Return the stored tasks."""
        return self.tasks.setdefault(job_key(job_id), body)

    async def load_tasks(self, job_id: str) -> bytes | None:
        """Return the stored tasks, or None if none are stored."""
        return self.tasks.get(job_key(job_id))

    async def activate(self, job_id: str) -> None:
        """Add a job to the active index."""
        self.active.add(job_key(job_id))

    async def create(self, record: JobRecord) -> Versioned[JobRecord]:
        """Store a record unless one is stored. Return the stored record."""
        if job_key(record.job_id) not in self.records:
            self._store(record)
        return self.records[job_key(record.job_id)]

    async def load(self, job_id: str) -> Versioned[JobRecord]:
        """Return the record. Raises JobNotFoundError."""
        if job_key(job_id) not in self.records:
            raise JobNotFoundError(job_id)
        return self.records[job_key(job_id)]

    async def save(self, record: JobRecord, etag: str) -> Versioned[JobRecord]:
        """Store a changed record. Raises RecordChangedError if it has changed since `etag`."""
        if self.records[job_key(record.job_id)].etag != etag:
            raise RecordChangedError("changed")
        return self._store(record)

    async def list_records(self, limit: int, after: str) -> tuple[Sequence[JobRecord], str]:
        """Return a page of records in order of id, and the token of the next page, or "" on the last page."""
        keys = [key for key in sorted(self.records) if key > after]
        page = [self.records[key].value for key in keys[:limit]]
        return page, keys[limit - 1] if len(keys) > limit else ""

    async def active_ids(self) -> AsyncIterator[str]:
        """Yield the ids of the jobs whose last step is not done."""
        for key in sorted(self.active):
            yield key

    async def deactivate(self, job_id: str) -> None:
        """Take a job from the active index."""
        self.active.discard(job_key(job_id))

    def _store(self, record: JobRecord) -> Versioned[JobRecord]:
        if size_of(split(record, "")[0]) > MAX_RECORD:
            raise ServiceRefusedError(f"the record of job {record.job_id} is too large", status=413)
        self._version += 1
        stored = Versioned(value=record, etag=str(self._version))
        self.records[job_key(record.job_id)] = stored
        return stored


class MemoryEventLog:
    """The EventLog port: each job's events in a list. The offset is the number of events."""

    def __init__(self) -> None:
        self.logs: dict[str, list[Event]] = {}

    async def append(self, job_id: str, events: Sequence[Event], offset: int) -> tuple[Sequence[Event], int]:
        """Number the events and add those that the log does not hold behind `offset`.

        Return the events with their numbers, and the end of the log.
        """
        log = self.logs.setdefault(job_key(job_id), [])
        known = {event.id: event for event in log[offset:]}
        for event in events:
            if event.id not in known:
                known[event.id] = event.numbered(len(log) + 1)
                log.append(known[event.id])
        return [known[event.id] for event in events], len(log)

    async def read(self, job_id: str, after: int, limit: int) -> Sequence[Event]:
        """Return the events with a sequence number above `after`, oldest first."""
        return self.logs.get(job_key(job_id), [])[after : after + limit]


@dataclass(frozen=True)
class QueuedMessage:
    """A message on one of batchmgr's queues."""

    queue: str
    body: str
    visible_at: datetime


class MemoryJobQueue:
    """The JobQueue port: messages in a list. The handler of a message removes it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.messages: list[QueuedMessage] = []
        self.poison: list[bytes] = []
        self.buried: list[str] = []

    async def enqueue_submission(self, job_id: str, delay: timedelta = timedelta(0)) -> None:
        """Enqueue a stored job for submission after `delay`."""
        self.messages.append(QueuedMessage("submit", job_id, self._clock.now() + delay))

    async def enqueue_callback(self, job_id: str, delay: timedelta = timedelta(0)) -> None:
        """Enqueue a finished job's callback for delivery after `delay`."""
        self.messages.append(QueuedMessage("callback", job_id, self._clock.now() + delay))

    async def dead_letter_request(self, body: bytes) -> None:
        """Keep the body of a job request that cannot be read. A queue message holds 48 KiB."""
        if len(body) > MAX_EVENT:
            raise ServiceRefusedError("the message is too large", code="RequestBodyTooLarge", status=413)
        self.poison.append(body)

    async def dead_letter_callback(self, job_id: str) -> None:
        """Keep an undeliverable callback."""
        self.buried.append(job_id)


class MemoryFinalizeSignal:
    """The FinalizeSignal port: finalize blobs in a dictionary."""

    def __init__(self) -> None:
        self.blobs: dict[str, str] = {}

    async def write(self, job_id: str, content: str) -> None:
        """Write the job's finalize blob unless it is there."""
        self.blobs.setdefault(job_id, content)
