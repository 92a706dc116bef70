"""Deliver the callback of an ended job: at least once, with the same `webhook-id` each time.

This is a job's last step. When the callback is delivered, given up, or was never asked for, the job is no
longer active.

Other use cases only start a delivery: workers of the process deliver (`Deliveries`), since a receiver may
hang. The record says what is due, so whatever a worker has not done is started again by the poller.
"""

import logging
from datetime import datetime, timedelta
from functools import partial

from batchmgr.errors import BatchmgrError, InvalidJobError, ServiceError
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import CallbackState, CallbackStatus
from batchmgr.model.telemetry_names import CALLBACK_AGE, CALLBACK_OUTCOME, DELIVER
from batchmgr.ports import Ports
from batchmgr.steps.obstacles import attempt
from batchmgr.steps.outbox import load, retry_on_conflict
from batchmgr.wire.adf_callback import adf_callback

logger = logging.getLogger(__name__)

FIRST_LIMIT = timedelta(seconds=10)
LIMIT = timedelta(seconds=30)
"""How long the receiver has to answer: at the first attempt, and at the later ones."""

FIRST_LEASE = timedelta(seconds=20)
LEASE = timedelta(seconds=60)
"""How long such an attempt holds its claim. Then another may begin."""

SETTLED = frozenset({CallbackState.DELIVERED, CallbackState.DEAD})

PAUSES = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800))
"""Pauses between attempts: ten attempts over about sixteen hours."""


async def start_delivery(ports: Ports, record: JobRecord) -> None:
    """Have the callback of an ended job delivered if an attempt is due. The receiver is not waited for."""
    if _due(record, ports.clock.now()) is None:
        await _close_if_settled(ports, record)
        return
    ports.deliveries.start(record.job_id, record.receiver, partial(_deliver_in_worker, ports, record.job_id))


async def resume_delivery(ports: Ports, job_id: str) -> None:
    """Do the same for a job whose record is not at hand: a message has said that an attempt is due."""
    await start_delivery(ports, (await load(ports, job_id)).value)


def _due(record: JobRecord, now: datetime) -> CallbackStatus | None:
    """Return the status of a callback that has to be sent now, or None."""
    status = record.callback
    if not record.state.is_final or status is None or status.state in SETTLED:
        return None
    return status if status.next_attempt_at is None or status.next_attempt_at <= now else None


async def _close_if_settled(ports: Ports, record: JobRecord) -> None:
    if record.state.is_final and (record.callback is None or record.callback.state in SETTLED):
        await _close(ports, record)


async def _deliver_in_worker(ports: Ports, job_id: str) -> None:
    """Deliver where nobody sees an exception. The record tells the poller what is left to do."""
    try:
        await attempt(ports, job_id, "call back for", deliver)
    except BatchmgrError as error:
        logger.warning("the callback of job %s is left to the poller: %s", job_id, error)
    except Exception:
        logger.exception("the callback of job %s is left to the poller", job_id)


@retry_on_conflict
async def deliver(ports: Ports, job_id: str) -> None:
    """Send the callback of an ended job if an attempt is due.

    An attempt claims the delivery in the record first, so only one runs at a time.
    """
    job, now = await load(ports, job_id), ports.clock.now()
    status = _due(job.value, now)
    if status is None:
        await _close_if_settled(ports, job.value)
        return
    limit, lease = (LIMIT, LEASE) if status.attempts else (FIRST_LIMIT, FIRST_LEASE)
    claim = CallbackStatus(
        state=CallbackState.SENDING,
        attempts=status.attempts + 1,
        next_attempt_at=now + lease,
        last_error=status.last_error,
    )
    claiming = job.value.with_callback(claim, updated_at=job.value.updated_at)
    claimed = await ports.jobs.save(claiming, job.etag)
    try:
        await _send(ports, claimed.value, limit)
    except Exception as error:
        await _retry_or_give_up(ports, job_id, claim.attempts, error)
        return
    delivered = CallbackStatus(state=CallbackState.DELIVERED, attempts=claim.attempts)
    record = await _save(ports, job_id, delivered)
    _measure(ports, record, "delivered")
    await _close(ports, record)


async def _send(ports: Ports, record: JobRecord, limit: timedelta) -> None:
    with ports.telemetry.span(DELIVER, job_id=record.job_id, traceparent=record.traceparent) as traceparent:
        request = await ports.jobs.load_request(record.job_id)
        ports.callbacks.check(request.call_back_uri)
        body, webhook_id = adf_callback(record), f"msg_{record.job_id}"
        await ports.callbacks.send(request.call_back_uri, body, webhook_id, limit, traceparent)


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
    """Take the job from the active ones, unless the poller still has events of it to send.

    Its finalize blob is of no more use.
    """
    if record.unsent is None:
        await ports.finalize.delete(record.job_id)
        await ports.jobs.deactivate(record.job_id)
