"""The port to the statuses of webhooks. Its conventions are those of `ports.py`."""

from typing import Protocol

from batchmgr.model.webhook import WebhookStatus


class WebhookStatuses(Protocol):
    """How far each webhook of a job has come. They are numbered from 0, as in the job's message.

    They are not in the record of the job: who saves that makes others begin again.
    """

    async def load(self, job_id: str, number: int) -> WebhookStatus:
        """Return the status of a webhook; one without an ETag if nothing was sent to it yet."""
        ...

    async def save(self, job_id: str, number: int, status: WebhookStatus) -> WebhookStatus:
        """Store a status. Raise RecordChangedError if the stored one is not of its ETag any more."""
        ...

    async def delete(self, job_id: str) -> None:
        """Delete the statuses of all webhooks of a job, if there are any."""
        ...
