"""The ports of the log of events, and of what is kept of it. Their conventions are those of `ports.py`."""

from collections.abc import Collection, Sequence
from typing import Protocol

from batchmgr.model.cloud_event import Event, LogEnd


class EventLog(Protocol):
    """The log of each job's events, from which clients can read them again."""

    async def end(self, job_id: str, offset: int) -> LogEnd:
        """Return where the log ends, with the events after `offset`. The first offset is 0."""
        ...

    async def append(self, job_id: str, events: Sequence[Event], end: LogEnd) -> tuple[Sequence[Event], int]:
        """Number the events and add them. Return them as the log holds them, and where it ends now.

        Raise LogChangedError if the log can't be continued at `end`: somebody else has added events, it was
        deleted, or its part is full. `end` need not have been looked up: then that is found out here.
        """
        ...

    async def ids(self, job_id: str, start: int, end: int) -> Collection[str]:
        """Return the ids of the events from one offset up to another: those where earlier appends ended."""
        ...

    async def read(self, job_id: str, after: int, limit: int) -> Sequence[Event]:
        """Return the events with a sequence above `after`, oldest first."""
        ...

    async def lines(self, job_id: str, offset: int) -> tuple[bytes, int]:
        """Return lines of JSON from an offset on, some megabytes, and where they end; none at the end."""
        ...

    async def delete(self, job_id: str) -> None:
        """Delete the log of a job, if there is one."""
        ...


class Timelines(Protocol):
    """What was read of each job's log, so that it is not read again. It can be made anew at any time."""

    async def load(self, job_id: str) -> bytes | None:
        """Return what is kept of a job, or None."""
        ...

    async def save(self, job_id: str, body: bytes) -> None:
        """Keep this, in place of anything else. It may get lost if somebody else saves at the same time."""
        ...

    async def delete(self, job_id: str) -> None:
        """Delete what is kept, if there is anything."""
        ...
