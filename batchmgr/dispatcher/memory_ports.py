"""Ports in memory: job store, line, finalize signal, deliveries. The queues: `memory_queues`.

Their content is lost when the process ends. Each passes the same contract tests as its adapter for Azure.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import BinaryIO, TypeVar

import msgspec

from batchmgr.errors import InvalidJobError, JobNotFoundError, RecordChangedError, ServiceRefusedError
from batchmgr.line_port import MOST_TICKETS
from batchmgr.model.active_job import ActiveJob
from batchmgr.model.job_record import JobRecord
from batchmgr.model.record_overflow import split
from batchmgr.model.size_limits import MAX_RECORD, size_of
from batchmgr.model.ticket import Ticket
from batchmgr.plan.ids import job_key
from batchmgr.ports import Clock, Versioned
from batchmgr.wire.job_message import JobMessage

T = TypeVar("T")


class MemoryJobStore:
    """The JobStore port: requests, records and the active index in dictionaries.

    A record has the limit that it has in Azure: 64 KiB, without the parts that overflow.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.stored_at: dict[str, datetime] = {}
        """When something of a job was stored first, besides its record."""
        self.requests: dict[str, JobMessage] = {}
        self.request_etags: dict[str, str] = {}
        self.tasks: dict[str, bytes] = {}
        self.plans: dict[str, bytes] = {}
        self.receivers: dict[tuple[str, str], str] = {}
        self.records: dict[str, Versioned[JobRecord]] = {}
        self.active: set[str] = set()
        self.notes: dict[str, ActiveJob] = {}
        self._version = 0

    def has_parts(self, key: str) -> bool:
        """Return whether something of a job is stored, besides its record."""
        alone = (self.requests, self.tasks, self.plans)
        return any(key in part for part in alone) or any(key == of for of, _ in self.receivers)

    def _note_time(self, key: str) -> None:
        if not self.has_parts(key):
            self.stored_at[key] = self._clock.now()

    async def save_request(self, job_id: str, message: JobMessage) -> JobMessage | None:
        """Store the request unless one is stored. Return the one that was stored before."""
        key = job_key(job_id)
        if key in self.requests:
            return self.requests[key]
        self._note_time(key)
        self._version += 1
        self.request_etags[key] = str(self._version)
        self.requests[key] = msgspec.structs.replace(message, job_id=job_id)
        return None

    async def load_request(self, job_id: str) -> JobMessage:
        """Return the stored request. Raises JobNotFoundError."""
        if job_key(job_id) not in self.requests:
            raise JobNotFoundError(job_id)
        return self.requests[job_key(job_id)]

    async def save_tasks(self, job_id: str, body: bytes) -> bytes:
        """Store the job's tasks unless some are stored. Return the stored tasks."""
        self._note_time(job_key(job_id))
        return self.tasks.setdefault(job_key(job_id), body)

    async def load_tasks(self, job_id: str) -> bytes | None:
        """Return the stored tasks, or None if none are stored."""
        return self.tasks.get(job_key(job_id))

    async def save_plan(self, job_id: str, file: BinaryIO) -> bool:
        """Store the job's plan unless one is stored. Return whether this one was."""
        if job_key(job_id) in self.plans:
            return False
        self._note_time(job_key(job_id))
        self.plans[job_key(job_id)] = file.read()
        return True

    async def load_plan(self, job_id: str, file: BinaryIO) -> bool:
        """Write the stored plan into a file. Return whether there is one."""
        if job_key(job_id) not in self.plans:
            return False
        file.write(self.plans[job_key(job_id)])
        return True

    async def save_receiver(self, job_id: str, key: str, uri: str) -> None:
        """Store the URI of an attached receiver."""
        self._note_time(job_key(job_id))
        self.receivers[job_key(job_id), key] = uri

    async def load_receiver(self, job_id: str, key: str) -> str:
        """Return the URI of an attached receiver. Raises JobNotFoundError."""
        if (job_key(job_id), key) not in self.receivers:
            raise JobNotFoundError(job_id)
        return self.receivers[job_key(job_id), key]

    async def activate(self, job_id: str, *, followed_until: datetime | None = None) -> None:
        """Add a job to the active index, or forget what was noted of it, but that it is followed."""
        self.active.add(job_key(job_id))
        self._note(ActiveJob(job_id=job_key(job_id), followed_until=followed_until))

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

    async def load_changed(self, job_id: str, etag: str) -> Versioned[JobRecord] | None:
        """Return the record if it has changed since `etag`, else None. Raises JobNotFoundError."""
        job = await self.load(job_id)
        return job if job.etag != etag else None

    async def load_small(self, job_id: str) -> JobRecord | None:
        """Return the record, or None if there is none."""
        stored = self.records.get(job_key(job_id))
        return stored.value if stored is not None else None

    async def save(self, record: JobRecord, etag: str) -> Versioned[JobRecord]:
        """Store a changed record. Raises RecordChangedError if it has changed since `etag`, or is gone."""
        stored = self.records.get(job_key(record.job_id))
        if stored is None or stored.etag != etag:
            raise RecordChangedError("changed")
        return self._store(record)

    async def list_ids(self, limit: int, token: str) -> tuple[Sequence[str], str]:
        """Return the ids of a page of records, and the token of the next page, or "" on the last page."""
        keys = [key for key in sorted(self.records) if key > token]
        return keys[:limit], keys[limit - 1] if len(keys) > limit else ""

    async def active_jobs(self) -> AsyncIterator[ActiveJob]:
        """Yield the jobs whose last step is not done, with what was noted of them."""
        for key in sorted(self.active):
            yield self.notes.get(key) or ActiveJob(job_id=key)

    async def note_active(self, job: ActiveJob) -> None:
        """Note what is known of an active job, unless its entry has changed since its `etag`."""
        key = job_key(job.job_id)
        if key in self.active and key in self.notes and self.notes[key].etag == job.etag:
            self._note(job)

    async def deactivate(self, job_id: str) -> None:
        """Take a job from the active index."""
        self.active.discard(job_key(job_id))
        self.notes.pop(job_key(job_id), None)

    def _note(self, job: ActiveJob) -> None:
        self._version += 1
        self.notes[job_key(job.job_id)] = msgspec.structs.replace(job, etag=str(self._version))

    def _store(self, record: JobRecord) -> Versioned[JobRecord]:
        if size_of(split(record, "")[0]) > MAX_RECORD:
            raise ServiceRefusedError(f"the record of job {record.job_id} is too large", status=413)
        self._version += 1
        stored = Versioned(value=record, etag=str(self._version))
        self.records[job_key(record.job_id)] = stored
        return stored


class MemoryLine:
    """The Line port: the tickets in a set."""

    def __init__(self) -> None:
        self.tickets: set[Ticket] = set()

    async def join(self, ticket: Ticket) -> None:
        """Add a ticket."""
        self.tickets.add(ticket)

    async def leave(self, ticket: Ticket) -> None:
        """Remove a ticket. Does nothing if it is not there."""
        self.tickets.discard(ticket)

    async def first(self, limit: int = MOST_TICKETS) -> Sequence[Ticket]:
        """Return the first tickets, in order."""
        return sorted(self.tickets)[:limit]


class MemoryUploads:
    """The Uploads port: uploaded job messages in a dictionary."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}

    async def grant(self, name: str, lifetime: timedelta) -> str:
        """Return a URL that nothing answers: a test writes into `blobs`."""
        return f"memory://uploads/{name}"

    async def read(self, name: str, most: int) -> bytes | None:
        """Return an uploaded message, or None. Raises InvalidJobError if it is larger than `most`."""
        body = self.blobs.get(name)
        if body is not None and len(body) > most:
            raise InvalidJobError(
                f"the upload has {len(body)} bytes, more than {most}", field="uploadedRequest"
            )
        return body

    async def older(self, before: datetime, limit: int) -> Sequence[str]:
        """Return no names: nothing here gets old."""
        return ()

    async def delete(self, name: str) -> None:
        """Delete an uploaded message."""
        self.blobs.pop(name, None)


class UnlimitedThreads:
    """The WorkloadThreads port without a time limit, so that an author can debug `create_job`."""

    async def run(self, workload: str, call: Callable[[], T]) -> T:
        """Call the function in any thread, and return what it returns."""
        return await asyncio.to_thread(call)


class MemoryFinalizeSignal:
    """The FinalizeSignal port: finalize blobs in a dictionary."""

    def __init__(self) -> None:
        self.blobs: dict[str, str] = {}

    async def write(self, job_id: str, content: str) -> None:
        """Write the job's finalize blob unless it is there."""
        self.blobs.setdefault(job_id, content)

    async def delete(self, job_id: str) -> None:
        """Delete the job's finalize blob."""
        self.blobs.pop(job_id, None)

    async def older(self, before: datetime, limit: int) -> Sequence[str]:
        """Return no jobs: nothing here gets old."""
        return ()


class MemoryDeliveries:
    """The Deliveries port: callbacks wait until `finish` is called."""

    def __init__(self) -> None:
        self.started: dict[str, Callable[[], Awaitable[None]]] = {}
        self._sending = ""
        self._again: Callable[[], Awaitable[None]] | None = None

    def start(
        self, job_id: str, receiver: str, deliver: Callable[[], Awaitable[None]], *, again: bool = False
    ) -> None:
        """Keep a callback until `finish` is called."""
        key = job_key(job_id)
        if again and key == self._sending:
            self._again = self._again or deliver
        else:
            self.started.setdefault(key, deliver)

    async def finish(self) -> None:
        """Deliver what was started, one after the other."""
        while self.started:
            self._sending, deliver = next(iter(self.started.items()))
            try:
                await deliver()
            finally:
                del self.started[self._sending]
                if self._again is not None:  # after all others that wait
                    self.started[self._sending] = self._again
                self._sending, self._again = "", None
