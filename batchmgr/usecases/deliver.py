"""Deliver the callback of an ended job: at least once, with the same `webhook-id` each time.

This is a job's last step. When the callback is delivered, given up, or was never asked for, and all webhooks
are told, the job is no longer active.

Other use cases only start a delivery: workers of the process deliver (`Deliveries`), since a receiver may
hang. The record says what is due, so whatever a worker has not done is started again by the poller.
"""

import logging
from collections.abc import Mapping
from datetime import timedelta
from functools import partial

from msgspec.structs import replace

from batchmgr.errors import BatchmgrError, InvalidJobError, ServiceError
from batchmgr.model.dead_letter import callback_letter_id
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import CallbackState, CallbackStatus
from batchmgr.model.receivers import FIRST, due, host_of, is_settled, webhook_id, with_status
from batchmgr.model.telemetry_names import CALLBACK_AGE, CALLBACK_KIND, CALLBACK_OUTCOME, DELIVER
from batchmgr.model.webhook import WebhookStatus
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.attempt_times import limit_and_lease, pause_after
from batchmgr.steps.close_job import close_if_settled
from batchmgr.steps.list_job import list_ended
from batchmgr.steps.obstacles import attempt
from batchmgr.steps.outbox import load, retry_on_conflict
from batchmgr.steps.tell_webhooks import look_after_webhooks
from batchmgr.steps.webhook_statuses import statuses_of, with_statuses
from batchmgr.wire.adf_callback import adf_callback

logger = logging.getLogger(__name__)

LATER_LOOK = timedelta(seconds=30)
"""When a message looks after a delivery that was opened again: much later than others take to close a job."""


async def start_delivery(ports: Ports, record: JobRecord) -> JobRecord:
    """Have those callbacks of an ended job delivered, and those webhooks told, that are due.

    Their receivers are not waited for. Return the record with what is known of its webhooks now.

    First it is listed among those that have ended: afterwards it may not be active any more.
    """
    await list_ended(ports, record)
    for key in due(record, ports.clock.now()):
        name = f"{record.job_id}:{key}" if key else record.job_id
        deliver_it = partial(_deliver_in_worker, ports, record.job_id, key)
        ports.deliveries.start(name, host_of(record, key), deliver_it)
    record = await look_after_webhooks(ports, record)
    if is_settled(record):
        await close_if_settled(ports, record)
    return record


async def resume_delivery(ports: Ports, job_id: str) -> None:
    """Do the same for a job whose record is not at hand: a message has said that an attempt is due.

    Of a job that has not ended, only webhooks are told.
    """
    record = (await load(ports, job_id)).value
    # Of all: whoever has redriven a webhook may have died before the record said so.
    record = with_statuses(record, await statuses_of(ports, record))
    if not record.state.is_final:
        await look_after_webhooks(ports, record)
        return
    if due(record, ports.clock.now()) or not all(webhook.is_settled for webhook in record.webhooks):
        await ports.jobs.activate(record.job_id)  # see `reopen`
    await start_delivery(ports, record)


async def reopen(
    ports: Ports, job: Versioned[JobRecord], record: JobRecord, webhooks: Mapping[int, WebhookStatus] = {}
) -> JobRecord:
    """Save a job with callbacks and webhooks that are due from now on, and start their delivery.

    Raise RecordChangedError. Whoever closes the job at the same moment may take it from the active ones after
    it was put there again, and this process may die. So a message looks after it, and is sent first.
    """
    await ports.queue.enqueue_callback(record.job_id, LATER_LOOK)
    for number, status in webhooks.items():
        await ports.webhooks.save(record.job_id, number, status)
    saved = (await ports.jobs.save(record, job.etag)).value
    await ports.jobs.activate(saved.job_id)
    if saved.state.is_final:
        await start_delivery(ports, saved)
    else:
        await look_after_webhooks(ports, saved)
    return saved


async def _deliver_in_worker(ports: Ports, job_id: str, key: str) -> None:
    """Deliver where nobody sees an exception. The record tells the poller what is left to do."""
    try:
        await attempt(ports, job_id, "call back for", partial(deliver, key=key))
    except BatchmgrError as error:
        logger.warning("the callback of job %s is left to the poller: %s", job_id, error)
    except Exception:
        logger.exception("the callback of job %s is left to the poller", job_id)


@retry_on_conflict
async def deliver(ports: Ports, job_id: str, key: str = FIRST) -> None:
    """Send the callback of an ended job to one receiver if an attempt is due.

    An attempt claims the delivery in the record first, so only one runs at a time.
    """
    job, now = await load(ports, job_id), ports.clock.now()
    status = due(job.value, now).get(key)
    if status is None:
        await close_if_settled(ports, job.value)
        return
    limit, lease = limit_and_lease(status.attempts)
    claim = replace(
        status, state=CallbackState.SENDING, attempts=status.attempts + 1, next_attempt_at=now + lease
    )
    claimed = await ports.jobs.save(with_status(job.value, key, claim), job.etag)
    try:
        await _send(ports, claimed.value, key, limit)
    except Exception as error:
        await _retry_or_give_up(ports, job_id, key, claim, error)
        return
    delivered = replace(claim, state=CallbackState.DELIVERED, next_attempt_at=None, last_error="")
    record = await _save(ports, job_id, key, delivered)
    _measure(ports, record, "delivered")
    await close_if_settled(ports, record)


async def _send(ports: Ports, record: JobRecord, key: str, limit: timedelta) -> None:
    job_id = record.job_id
    with ports.telemetry.span(DELIVER, job_id=job_id, traceparent=record.traceparent) as traceparent:
        if key == FIRST:
            uri = (await ports.jobs.load_request(job_id)).call_back_uri
        else:
            uri = await ports.jobs.load_receiver(job_id, key)
        ports.callbacks.check(uri)
        await ports.callbacks.send(uri, adf_callback(record), webhook_id(job_id, key), limit, traceparent)


async def _retry_or_give_up(
    ports: Ports, job_id: str, key: str, status: CallbackStatus, error: Exception
) -> None:
    # The text of a foreign exception may hold the URI, which is a secret.
    reason = str(error) if isinstance(error, BatchmgrError) else f"InternalError: {type(error).__name__}"
    attempts = status.attempts
    if attempts >= ports.callback_attempts or isinstance(error, InvalidJobError):
        logger.error("callback of job %s given up after %d attempts: %s", job_id, attempts, reason)
        await _give_up(ports, job_id, key, replace(status, last_error=reason))
        return
    pause = pause_after(attempts, error.retry_after if isinstance(error, ServiceError) else None)
    logger.warning("callback of job %s failed, next attempt in %s: %s", job_id, pause, reason)
    pending = replace(
        status,
        state=CallbackState.PENDING,
        next_attempt_at=ports.clock.now() + pause,
        last_error=reason,
    )
    _measure(ports, await _save(ports, job_id, key, pending), "retried")
    await ports.queue.enqueue_callback(job_id, pause)


async def _give_up(ports: Ports, job_id: str, key: str, status: CallbackStatus) -> None:
    await ports.queue.dead_letter_callback(job_id)
    if status.given_up_at is not None:  # it was given up before, and redriven
        await ports.dead_letters.remove(callback_letter_id(job_id, key, status))
    now = ports.clock.now()
    dead = replace(status, state=CallbackState.DEAD, next_attempt_at=None, given_up_at=now)
    record = await _save(ports, job_id, key, dead)
    _measure(ports, record, "dead")
    await close_if_settled(ports, record)


def _measure(ports: Ports, record: JobRecord, outcome: str) -> None:
    """Tell how an attempt has ended, and how long after the end of the job."""
    age = ports.clock.now() - record.entered.get(record.state, record.updated_at)
    about = {CALLBACK_KIND: "callback", CALLBACK_OUTCOME: outcome}
    ports.telemetry.record(CALLBACK_AGE, max(0.0, age.total_seconds()), about)


@retry_on_conflict
async def _save(ports: Ports, job_id: str, key: str, status: CallbackStatus) -> JobRecord:
    """Save how the attempt went. The holder of the claim saves it, whatever else has changed."""
    job = await load(ports, job_id)
    changed = with_status(job.value, key, status, updated_at=ports.clock.now())
    return (await ports.jobs.save(changed, job.etag)).value
