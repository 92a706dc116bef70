"""The list of jobs in memory. It passes the same contract tests as the one in storage."""

from collections.abc import Sequence

from batchmgr.errors import ServiceRefusedError
from batchmgr.model.job_entry import JobEntry, ListPart


class MemoryJobList:
    """The JobList port: the entries of each part in a dictionary. A token is the key of the entry before."""

    def __init__(self) -> None:
        self.parts: dict[ListPart, dict[str, JobEntry]] = {part: {} for part in ListPart}

    async def add(self, entry: JobEntry) -> None:
        """Add an entry, also over one with the same key."""
        self.parts[entry.part][entry.key] = entry

    async def remove(self, entry: JobEntry) -> None:
        """Remove an entry. Does nothing if it is not there."""
        self.parts[entry.part].pop(entry.key, None)

    async def keys(self, part: ListPart, token: str) -> tuple[Sequence[str], str]:
        """Return the keys of all entries after a key."""
        return [key for key in sorted(self.parts[part]) if key > token], ""

    async def page(self, part: ListPart, limit: int, token: str) -> tuple[Sequence[JobEntry], str]:
        """Return a page of entries, and the token of the next page, or "" on the last page."""
        if token and JobEntry.of_key(token, part) is None:
            raise ServiceRefusedError("the token is none", status=400)
        keys = [key for key in sorted(self.parts[part]) if key > token]
        return [self.parts[part][key] for key in keys[:limit]], keys[limit - 1] if len(keys) > limit else ""
