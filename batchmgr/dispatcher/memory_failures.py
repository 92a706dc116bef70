"""What is known of failed tasks, in memory."""

from batchmgr.plan.ids import job_key


class MemoryFailures:
    """The KnownFailures port."""

    def __init__(self) -> None:
        self.known: dict[str, bytes] = {}

    async def load(self, job_id: str) -> bytes | None:
        """Return what is stored of a job, or None."""
        return self.known.get(job_key(job_id))

    async def save(self, job_id: str, body: bytes) -> None:
        """Store what is known of a job."""
        self.known[job_key(job_id)] = body

    async def delete(self, job_id: str) -> None:
        """Delete what is stored of a job."""
        self.known.pop(job_key(job_id), None)
