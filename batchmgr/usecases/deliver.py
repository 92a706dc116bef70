"""Deliver the callback of an ended job: at least once, with the same `webhook-id` each time.

This is a job's last step. When the callback is delivered, given up, or was never asked for, the job is no
longer active.
"""

import logging
from datetime import timedelta

from batchmgr.errors import BatchmgrError, InvalidJobError, ServiceError
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import CallbackState, CallbackStatus
from batchmgr.model.telemetry_names import CALLBACK_AGE, CALLBACK_OUTCOME, DELIVER
from batchmgr.ports import Ports
from batchmgr.steps.outbox import load, retry_on_conflict
from batchmgr.wire.adf_callback import adf_callback

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
"""How long one attempt holds its claim. Then another may begin. The sender's own time limit is shorter."""

PAUSES = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800))
"""Pauses between attempts: ten attempts over about sixteen hours."""


@retry_on_conflict
async def deliver(ports: Ports, job_id: str) -> None:
    """Send the callback of an ended job if an attempt is due.

    An attempt claims the delivery in the record first, so only one runs at a time.
    """
    job = await load(ports, job_id)
    if not job.value.state.is_final:
        return  # a message that came too early; the job's end leads here again
    status, now = job.value.callback, ports.clock.now()
    if status is None or status.state in {CallbackState.DELIVERED, CallbackState.DEAD}:
        await _close(ports, job.value)
        return
    if status.next_attempt_at is not None and now < status.next_attempt_at:
        return
    claim = CallbackStatus(
        state=CallbackState.SENDING,
        attempts=status.attempts + 1,
        next_attempt_at=now + LEASE,
        last_error=status.last_error,
    )
    claiming = job.value.with_callback(claim, updated_at=job.value.updated_at)
    claimed = await ports.jobs.save(claiming, job.etag)
    try:
        await _send(ports, claimed.value)
    except Exception as error:
        await _retry_or_give_up(ports, job_id, claim.attempts, error)
        return
    delivered = CallbackStatus(state=CallbackState.DELIVERED, attempts=claim.attempts)
    record = await _save(ports, job_id, delivered)
    _measure(ports, record, "delivered")
    await _close(ports, record)


async def _send(ports: Ports, record: JobRecord) -> None:
    with ports.telemetry.span(DELIVER, job_id=record.job_id, traceparent=record.traceparent) as traceparent:
        request = await ports.jobs.load_request(record.job_id)
        ports.callbacks.check(request.call_back_uri)
        body, webhook_id = adf_callback(record), f"msg_{record.job_id}"
        await ports.callbacks.send(request.call_back_uri, body, webhook_id, traceparent)


async def _retry_or_give_up(ports: Ports, job_id: str, attempts: int, error: Exception) -> None:
    # The text of a foreign exception may hold the URI, which is a secret.
    reason = str(error) if isinstance(error, BatchmgrError) else f"InternalError: {type(error).__name__}"
    if attempts > len(PAUSES) or isinstance(error, InvalidJobError):
        logger.error("callback of job %s given up after %d attempts: %s", job_id, attempts, reason)
        await ports.queue.dead_letter_callback(job_id)
        dead = CallbackStatus(state=CallbackState.DEAD, attempts=attempts, last_error=reason)
        record = await _save(ports, job_id, dead)
        _measure(ports, record, "dead")
        await _close(ports, record)
        return
    asked = error.retry_after if isinstance(error, ServiceError) else None
    pause = max(PAUSES[attempts - 1], asked or timedelta(0))
    logger.warning("callback of job %s failed, next attempt in %s: %s", job_id, pause, reason)
    pending = CallbackStatus(
        state=CallbackState.PENDING,
        attempts=attempts,
        next_attempt_at=ports.clock.now() + pause,
        last_error=reason,
    )
    _measure(ports, await _save(ports, job_id, pending), "retried")
    await ports.queue.enqueue_callback(job_id, pause)


def _measure(ports: Ports, record: JobRecord, outcome: str) -> None:
    """Tell how an attempt has ended, and how long after the end of the job."""
    age = ports.clock.now() - record.entered.get(record.state, record.updated_at)
    ports.telemetry.record(CALLBACK_AGE, max(0.0, age.total_seconds()), {CALLBACK_OUTCOME: outcome})


@retry_on_conflict
async def _save(ports: Ports, job_id: str, status: CallbackStatus) -> JobRecord:
    """Save how the attempt went. The holder of the claim saves it, whatever else has changed."""
    job = await load(ports, job_id)
    changed = job.value.with_callback(status, updated_at=ports.clock.now())
    return (await ports.jobs.save(changed, job.etag)).value


async def _close(ports: Ports, record: JobRecord) -> None:
    """Take the job from the active ones, unless the poller still has events of it to send."""
    if record.unsent is None:
        await ports.jobs.deactivate(record.job_id)
