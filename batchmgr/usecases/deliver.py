"""Deliver: the callback of a finished job, at least once, with the same `webhook-id` each time."""

import logging
from datetime import timedelta

from batchmgr.errors import InvalidJobError, ServiceError
from batchmgr.model.job_record import CallbackState, CallbackStatus
from batchmgr.ports import Ports
from batchmgr.steps.outbox import load
from batchmgr.steps.repetition import repeat_when_changed
from batchmgr.wire.adf_callback import adf_callback

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
"""How long one attempt has; after it, somebody else may try. Longer than the sender's own time limit."""

PAUSES = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800))
"""Pauses between attempts: ten attempts over about sixteen hours."""


@repeat_when_changed
async def deliver(ports: Ports, job_id: str) -> None:
    """Send the callback if it is due. Only one attempt runs at a time: it is claimed in the record."""
    job = await load(ports, job_id)
    status, now = job.value.callback, ports.clock.now()
    if status is None or status.state in {CallbackState.DELIVERED, CallbackState.DEAD}:
        await ports.jobs.retire(job_id)
        return
    if status.next_attempt_at is not None and now < status.next_attempt_at:
        return
    claim = CallbackStatus(
        state=CallbackState.SENDING,
        attempts=status.attempts + 1,
        next_attempt_at=now + LEASE,
        last_error=status.last_error,
    )
    claimed = await ports.jobs.save(job.value.change(job.value.updated_at, callback=claim), job.etag)
    request = await ports.jobs.load_request(job_id)
    try:
        ports.callbacks.check(request.call_back_uri)
        body, webhook_id = adf_callback(claimed.value), f"msg_{claimed.value.job_id}"
        await ports.callbacks.send(request.call_back_uri, body, webhook_id)
    except (ServiceError, InvalidJobError) as error:
        await _put_off(ports, job_id, claim.attempts, error)
        return
    await _note(ports, job_id, CallbackStatus(state=CallbackState.DELIVERED, attempts=claim.attempts))
    await ports.jobs.retire(job_id)


async def _put_off(ports: Ports, job_id: str, attempts: int, error: ServiceError | InvalidJobError) -> None:
    if attempts > len(PAUSES) or isinstance(error, InvalidJobError):
        logger.error("callback of job %s given up after %d attempts: %s", job_id, attempts, error)
        await ports.queue.bury_callback(job_id)
        dead = CallbackStatus(state=CallbackState.DEAD, attempts=attempts, last_error=str(error))
        await _note(ports, job_id, dead)
        await ports.jobs.retire(job_id)
        return
    asked = error.retry_after
    pause = max(PAUSES[attempts - 1], asked or timedelta(0))
    logger.warning("callback of job %s not taken, next try in %s: %s", job_id, pause, error)
    pending = CallbackStatus(
        state=CallbackState.PENDING,
        attempts=attempts,
        next_attempt_at=ports.clock.now() + pause,
        last_error=str(error),
    )
    await _note(ports, job_id, pending)
    await ports.queue.request_callback(job_id, pause)


@repeat_when_changed
async def _note(ports: Ports, job_id: str, status: CallbackStatus) -> None:
    """Note how the attempt went. Who holds the claim may always do so, whatever else has changed."""
    job = await load(ports, job_id)
    await ports.jobs.save(job.value.change(ports.clock.now(), callback=status), job.etag)
