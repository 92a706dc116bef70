"""The statuses of webhooks in memory. They pass the contract tests of those in storage."""

import msgspec

from batchmgr.errors import RecordChangedError
from batchmgr.model.webhook import WebhookStatus
from batchmgr.plan.ids import job_key


class MemoryWebhookStatuses:
    """The WebhookStatuses port: in a dictionary."""

    def __init__(self) -> None:
        self.statuses: dict[tuple[str, int], WebhookStatus] = {}
        self._version = 0

    async def load(self, job_id: str, number: int) -> WebhookStatus:
        """Return a status, or a new one."""
        return self.statuses.get((job_key(job_id), number), WebhookStatus())

    async def save(self, job_id: str, number: int, status: WebhookStatus) -> WebhookStatus:
        """Keep a status. Raises RecordChangedError if another one is kept than that of its ETag."""
        if (await self.load(job_id, number)).etag != status.etag:
            raise RecordChangedError(f"a webhook of job {job_id!r} has changed")
        self._version += 1
        kept = msgspec.structs.replace(status, etag=str(self._version))
        self.statuses[job_key(job_id), number] = kept
        return kept

    async def delete(self, job_id: str) -> None:
        """Forget all of a job."""
        self.statuses = {key: one for key, one in self.statuses.items() if key[0] != job_key(job_id)}
