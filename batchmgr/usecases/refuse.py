"""Refuse a queue message that cannot become a job.

A `rejected` record says why: under the job id that the message names, or under one that is made of its
content. The receivers that the message names are told, those that may be. Only if it names the id of another
job is there no record, so that no other job is touched.
"""

import hashlib
from collections.abc import Sequence

from batchmgr.callback_port import receiver_of
from batchmgr.errors import InvalidJobError, JobNotFoundError
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import DUE, JobError
from batchmgr.model.job_states import JobState
from batchmgr.model.request_limits import MAX_WEBHOOKS
from batchmgr.plan.ids import id_from_content, is_valid_id
from batchmgr.ports import Ports
from batchmgr.steps.check_message import webhook_problems
from batchmgr.steps.outbox import create, retry_on_conflict
from batchmgr.steps.tell_webhooks import webhooks_of
from batchmgr.usecases.deliver import start_delivery
from batchmgr.wire.job_message import JobMessage, WebhookMessage
from batchmgr.wire.queue_message import identify_undecodable


@retry_on_conflict
async def refuse(ports: Ports, body: bytes, error: InvalidJobError, fallback_id: str) -> bool:
    """Refuse a message of the job request queue. Return whether its sender can find the record.

    If not, the message has to be kept in the poison queue. `fallback_id` is the job id of a message that has
    no `jobId`.
    """
    found = identify_undecodable(body, fallback_id)
    named = found.job_id
    job_id = named if is_valid_id(named) else id_from_content(body)
    digest = hashlib.sha256(body).hexdigest()
    if not await _is_free(ports, job_id, digest):
        return False
    uri = _allowed(ports, found.call_back_uri)
    message = JobMessage(job_id=job_id, call_back_uri=uri, webhooks=_allowed_webhooks(ports, found.webhooks))
    await ports.jobs.save_request(job_id, message)
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
        webhooks=webhooks_of(message),
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


def _allowed_webhooks(ports: Ports, webhooks: Sequence[WebhookMessage]) -> tuple[WebhookMessage, ...]:
    """Return those of the webhooks that break no rule."""
    by_uri = {webhook.uri: webhook for webhook in webhooks[:MAX_WEBHOOKS]}
    check = ports.callbacks.check
    return tuple(one for one in by_uri.values() if not list(webhook_problems([one], check)))
