"""The log of events in memory, and what is kept of it. They pass the contract tests of those in storage."""

from collections.abc import Collection, Sequence

import msgspec

from batchmgr.errors import LogChangedError
from batchmgr.model.cloud_event import Event, LogEnd
from batchmgr.plan.ids import job_key


class MemoryEventLog:
    """The EventLog port: each job's events in a list. The offset is the number of events."""

    def __init__(self) -> None:
        self.logs: dict[str, list[Event]] = {}

    async def end(self, job_id: str, offset: int) -> LogEnd:
        """Return where the log ends, with the events after `offset`."""
        log = self.logs.setdefault(job_key(job_id), [])
        return LogEnd(offset=len(log), last=len(log), after=tuple(log[offset:]))

    async def append(self, job_id: str, events: Sequence[Event], end: LogEnd) -> tuple[Sequence[Event], int]:
        """Number the events and add them. Raises LogChangedError if the log does not end at `end`."""
        log = self.logs.setdefault(job_key(job_id), [])
        if len(log) != end.offset:
            raise LogChangedError(f"the log of job {job_id!r} has changed")
        numbered = [event.numbered(end.last + place) for place, event in enumerate(events, 1)]
        log.extend(numbered)
        return numbered, len(log)

    async def ids(self, job_id: str, start: int, end: int) -> Collection[str]:
        """Return the ids of the events from one offset up to another."""
        return {event.id for event in self.logs.get(job_key(job_id), [])[start:end]}

    async def read(self, job_id: str, after: int, limit: int) -> Sequence[Event]:
        """Return the events with a sequence number above `after`, oldest first."""
        return self.logs.get(job_key(job_id), [])[after : after + limit]

    async def lines(self, job_id: str, offset: int) -> tuple[bytes, int]:
        """Return the lines of JSON of some events, and where they end."""
        some = self.logs.get(job_key(job_id), [])[offset : offset + 1000]
        return b"".join(msgspec.json.encode(event) + b"\n" for event in some), offset + len(some)

    async def delete(self, job_id: str) -> None:
        """Delete the log of a job."""
        self.logs.pop(job_key(job_id), None)


class MemoryTimelines:
    """The Timelines port: in a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def load(self, job_id: str) -> bytes | None:
        """Return what is kept of a job, or None."""
        return self.kept.get(job_key(job_id))

    async def save(self, job_id: str, body: bytes) -> None:
        """Keep this."""
        self.kept[job_key(job_id)] = body

    async def delete(self, job_id: str) -> None:
        """Delete what is kept."""
        self.kept.pop(job_key(job_id), None)
