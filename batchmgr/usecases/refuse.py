"""Refuse: what to do with a request of the queue that cannot become a job.

Where its job id can be told and is free, a `rejected` record says why, and the caller is called back. Where
not, the message is kept as it came in the poison queue. No other job is touched.
"""

import hashlib

from batchmgr.errors import InvalidJobError, JobNotFoundError
from batchmgr.model.job_record import DUE, JobError, JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.plan.ids import is_valid_id
from batchmgr.ports import Ports
from batchmgr.steps.outbox import tell
from batchmgr.steps.repetition import repeat_when_changed
from batchmgr.steps.settle import settle
from batchmgr.wire.events import job_event
from batchmgr.wire.job_message import JobMessage, salvage


@repeat_when_changed
async def refuse(ports: Ports, body: bytes, error: InvalidJobError, fallback_id: str) -> bool:
    """Refuse a message of the job request queue. Whether a record tells of it; else it is kept as poison.

    `fallback_id` is the id that a message without a `jobId` has.
    """
    job_id, uri = salvage(body, fallback_id)
    if not is_valid_id(job_id):
        await ports.queue.keep_poison(body)
        return False
    uri = _allowed(ports, uri)
    digest = hashlib.sha256(body).hexdigest()
    if not await _is_free(ports, job_id, digest):
        await ports.queue.keep_poison(body)
        return False
    await ports.jobs.save_request(job_id, JobMessage(job_id=job_id, call_back_uri=uri))
    now = ports.clock.now()
    record = JobRecord(
        job_id=job_id,
        state=JobState.REJECTED,
        workload="",
        digest=digest,
        created_at=now,
        updated_at=now,
        has_callback=bool(uri),
        callback=DUE if uri else None,
        error=JobError(code="InvalidJob", message=str(error), field=error.field),
    )
    rejected = record.change(now, outbox=(job_event(record),))
    await settle(ports, await tell(ports, await ports.jobs.create(rejected)))
    return True


async def _is_free(ports: Ports, job_id: str, digest: str) -> bool:
    try:
        return (await ports.jobs.load(job_id)).value.digest == digest
    except JobNotFoundError:
        pass
    try:
        stored = await ports.jobs.load_request(job_id)
    except JobNotFoundError:
        return True
    return not (stored.workload or stored.tasks or stored.task_factory)


def _allowed(ports: Ports, uri: str) -> str:
    try:
        ports.callbacks.check(uri)
    except InvalidJobError:
        return ""
    return uri
