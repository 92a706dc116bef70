"""The port of the list of jobs, by which jobs are found without their records. See `model/job_entry.py`."""

from collections.abc import Sequence
from typing import Protocol

from batchmgr.model.job_entry import JobEntry, ListPart


class JobList(Protocol):
    """The entries of all jobs, in parts. Each part is in order of the keys: the newest job first."""

    async def add(self, entry: JobEntry) -> None:
        """Write an entry, also over one with the same key."""
        ...

    async def remove(self, entry: JobEntry) -> None:
        """Remove an entry from its part. Do nothing if it is not there."""
        ...

    async def keys(self, part: ListPart, token: str) -> tuple[Sequence[str], str]:
        """Return the keys of a page of entries, 5,000 at most, and the token of the next page, if any."""
        ...

    async def page(self, part: ListPart, limit: int, token: str) -> tuple[Sequence[JobEntry], str]:
        """Return a page of entries with one call, and the token of the next page, if there is one.

        A page may have fewer than `limit`, even none, and still not be the last. A token stays good while
        entries come and go. Raise ServiceRefusedError for one that is none.
        """
        ...
