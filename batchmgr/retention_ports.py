"""The ports of what is kept for a time. `ports` has the others, and all of them together."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from batchmgr.model.retention import EndedJob, RetentionPlace


class EndedJobs(Protocol):
    """Jobs that have ended, by age, and what is stored of them. Job ids are case-insensitive."""

    async def page(self, token: str) -> tuple[Sequence[EndedJob], str]:
        """Return a page of jobs that have ended, or may have, and the token of the next page, if any.

        They are in order of their ids. One call lists 5,000 records, and reads none of them. Raise
        ServiceRefusedError for a token that is no longer good.
        """
        ...

    async def place(self) -> RetentionPlace:
        """Return where the last round of the retention was stopped; the beginning if it was not."""
        ...

    async def save_place(self, place: RetentionPlace) -> None:
        """Store where the next round of the retention begins."""
        ...

    async def parts(self, before: datetime, token: str) -> tuple[Sequence[str], str]:
        """Return the keys of jobs of which something was stored before a time, besides their records.

        One call lists 5,000 blobs. A job may come several times, and there may be a token of the next page
        although no key was found. Raise ServiceRefusedError for a token that is no longer good.
        """
        ...

    async def request_etag(self, job_id: str) -> str:
        """Return the ETag of the stored request; an empty one if there is none."""
        ...

    async def delete_parts(self, job_id: str) -> None:
        """Delete what is stored of a job besides record and request: tasks, plan, overflow, receivers."""
        ...

    async def delete_request(self, job_id: str, etag: str) -> None:
        """Delete the stored request, unless it is gone, or is another one than that with this ETag."""
        ...

    async def delete_record(self, job_id: str, etag: str) -> None:
        """Delete the record, unless it is gone. Raise RecordChangedError if it has changed since `etag`."""
        ...


class OldMessages(Protocol):
    """The messages that lie in poison queues, by age.

    Here the queue of the polls counts too. That of the blobs does not, because other apps use it, and that of
    the events belongs to their consumers.
    """

    async def count(self, before: datetime) -> Mapping[str, int]:
        """Return how many messages have come before a time, by queue: among the first ones of each."""
        ...

    async def remove(self, before: datetime) -> Mapping[str, int]:
        """Remove those messages, some hundred of each queue at most. Return how many, by queue."""
        ...
