"""Refuse a queue message that cannot become a job.

A `rejected` record says why, and the caller is called back: under the job id that the message names, or under
one that is made of its content. Only if the message names the id of another job is there no record, so that
no other job is touched.
"""

import hashlib

from batchmgr.callback_port import receiver_of
from batchmgr.errors import InvalidJobError, JobNotFoundError
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import DUE, JobError
from batchmgr.model.job_states import JobState
from batchmgr.plan.ids import id_from_content, is_valid_id
from batchmgr.ports import Ports
from batchmgr.steps.outbox import create, retry_on_conflict
from batchmgr.usecases.deliver import start_delivery
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.queue_message import identify_undecodable


@retry_on_conflict
async def refuse(ports: Ports, body: bytes, error: InvalidJobError, fallback_id: str) -> bool:
    """Refuse a message of the job request queue. Return whether its sender can find the record.

    If not, the message has to be kept in the poison queue. `fallback_id` is the job id of a message that has
    no `jobId`.
    """
    named, uri = identify_undecodable(body, fallback_id)
    job_id = named if is_valid_id(named) else id_from_content(body)
    digest = hashlib.sha256(body).hexdigest()
    if not await _is_free(ports, job_id, digest):
        return False
    uri = _allowed(ports, uri)
    await ports.jobs.save_request(job_id, JobMessage(job_id=job_id, call_back_uri=uri))
    now = ports.clock.now()
    record = JobRecord(
        job_id=job_id,
        state=JobState.REJECTED,
        workload="",
        digest=digest,
        created_at=now,
        updated_at=now,
        receiver=receiver_of(uri),
        callback=DUE if uri else None,
        error=JobError(code="InvalidJob", message=str(error), field=error.field),
    )
    await start_delivery(ports, (await create(ports, record)).value)
    return job_id == named


async def _is_free(ports: Ports, job_id: str, digest: str) -> bool:
    """Return whether no job has this id, or only this very message, refused before."""
    try:
        return (await ports.jobs.load(job_id)).value.digest == digest
    except JobNotFoundError:
        pass
    try:
        stored = await ports.jobs.load_request(job_id)
    except JobNotFoundError:
        return True
    return not stored.has_content


def _allowed(ports: Ports, uri: str) -> str:
    """Return the callback URI if batchmgr may call it, else nothing."""
    try:
        ports.callbacks.check(uri)
    except InvalidJobError:
        return ""
    return uri
