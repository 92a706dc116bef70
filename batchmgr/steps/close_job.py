"""Closes a job: takes one that has ended from the active ones, once all receivers are settled.

Its finalize blob is of no more use then.
"""

from batchmgr.model.job_record import JobRecord
from batchmgr.model.receivers import is_settled
from batchmgr.ports import Ports
from batchmgr.steps.dead_letters import keep_letters
from batchmgr.steps.webhook_statuses import with_webhooks_seen


async def close_if_settled(ports: Ports, record: JobRecord) -> None:
    """Close the job if its callbacks and webhooks are settled, unless the poller has events to send."""
    if record.outbox or not is_settled(record := await with_webhooks_seen(ports, record)):
        return
    await keep_letters(ports, record)
    if record.unsent is None:
        await ports.finalize.delete(record.job_id)
        await ports.jobs.deactivate(record.job_id)
