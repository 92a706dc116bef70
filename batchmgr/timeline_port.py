"""The port of what is kept of timelines. Its conventions are those of `ports.py`."""

from typing import Protocol


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
