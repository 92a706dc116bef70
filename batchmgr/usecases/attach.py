"""Attach a receiver to a job that is known: it is told of the end as well, or at once if the job has ended.

Data Factory sends a job again with another callback URI: each try of an activity waits for a call of its own.
"""

from batchmgr.callback_port import receiver_of
from batchmgr.errors import JobConflictError
from batchmgr.model.job_record import JobRecord
from batchmgr.model.receivers import MAX_ATTACHED, receiver_key, with_receiver
from batchmgr.ports import Ports
from batchmgr.steps.outbox import load
from batchmgr.usecases.deliver import reopen


async def attach(ports: Ports, job_id: str, uri: str) -> JobRecord:
    """Attach the receiver of this URI, unless it is attached. It is in the record when this returns.

    Raise JobConflictError if the job has as many receivers as it can have, and RecordChangedError.
    """
    job, key = await load(ports, job_id), receiver_key(uri)
    record = job.value
    if any(one.key == key for one in record.attached):
        return record
    if len(record.attached) >= MAX_ATTACHED:
        raise JobConflictError(
            record.job_id,
            f"Job {record.job_id!r} tells {MAX_ATTACHED} more receivers of its end already, and takes no "
            "other. Send it under another jobId, or ask for its result.",
        )
    await ports.jobs.save_receiver(record.job_id, key, uri)
    changed = with_receiver(record, key, receiver_of(uri))
    if record.state.is_final:
        return await reopen(ports, job, changed)
    return (await ports.jobs.save(changed, job.etag)).value
