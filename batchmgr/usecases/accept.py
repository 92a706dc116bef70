"""Accept: a job message becomes a stored request and a record. The same message again changes nothing."""

import asyncio

from batchmgr.errors import JobConflictError, JobNotFoundError
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.ports import Ports
from batchmgr.steps.expand_factory import expand_provisionally
from batchmgr.steps.outbox import tell
from batchmgr.steps.plan_job import plan
from batchmgr.steps.repetition import repeat_when_changed
from batchmgr.wire.events import job_event
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.job_rules import check_job


async def check(ports: Ports, job_id: str, message: JobMessage) -> None:
    """Raise InvalidJobError for anything that can be known to be wrong before the job is taken."""
    check_job(message)
    if message.call_back_uri:
        ports.callbacks.check(message.call_back_uri)
    # What blobs there are is found out when the job is submitted: a job that was taken stays the same job.
    expanded = await asyncio.to_thread(expand_provisionally, message)
    await plan(ports, job_id, expanded, ports.default_pool_id)


@repeat_when_changed
async def accept(ports: Ports, job_id: str, message: JobMessage) -> JobRecord:
    """Take a checked job under this id: the request is stored, the record made, the job active.

    Raises JobConflictError if the id stands for other content.
    """
    stored = await ports.jobs.save_request(job_id, message)
    if stored.digest != message.digest:
        raise JobConflictError(job_id)
    return await _record(ports, stored)


@repeat_when_changed
async def restore(ports: Ports, job_id: str) -> JobRecord | None:
    """Make the record of a job whose acceptance was cut short after the request was stored."""
    try:
        return await _record(ports, await ports.jobs.load_request(job_id))
    except JobNotFoundError:
        return None


async def _record(ports: Ports, message: JobMessage) -> JobRecord:
    now = ports.clock.now()
    record = JobRecord(
        job_id=message.job_id,
        state=JobState.QUEUED,
        workload=message.workload,
        digest=message.digest,
        created_at=now,
        updated_at=now,
        pool_id=message.pool_id or ports.default_pool_id,
        metadata=message.metadata,
        notify=message.notify,
        has_callback=bool(message.call_back_uri),
    )
    queued = record.change(now, outbox=(job_event(record),))
    return (await tell(ports, await ports.jobs.create(queued))).value
