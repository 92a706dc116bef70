"""Tells the webhooks of a job of its events: in the order of the log, at least once, several in a request.

Whoever publishes events only starts this: workers of the process deliver (`Deliveries`), since a receiver may
hang. A worker claims a batch in the status of the webhook, sends it, and moves the cursor on. So it is sent
by one process at a time, and one that dies leaves it to the poller, which looks after each webhook that is
behind. A batch is one turn: then others have theirs.

Nothing here changes the job, but that it is closed after its last event.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial

from msgspec.structs import replace

from batchmgr.errors import (
    BatchmgrError,
    InvalidJobError,
    JobNotFoundError,
    RecordChangedError,
    ServiceBusyError,
    ServiceError,
)
from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record import JobRecord
from batchmgr.model.telemetry_names import CALLBACK_AGE, CALLBACK_KIND, CALLBACK_OUTCOME, TELL_WEBHOOK
from batchmgr.model.webhook import Webhook, WebhookStatus
from batchmgr.ports import Ports
from batchmgr.steps.attempt_times import limit_and_lease, pause_after
from batchmgr.steps.close_job import close_if_settled
from batchmgr.steps.webhook_batch import next_batch
from batchmgr.steps.webhook_statuses import forget_webhook_letter, keep_webhook_letter, with_webhooks_seen
from batchmgr.wire.events import matches_notify

logger = logging.getLogger(__name__)

ATTEMPTS = 10
"""How often a batch that was delivered is noted, at most, when others keep saving the status."""


def with_wanted(record: JobRecord, logged: Sequence[Event]) -> JobRecord:
    """Return the record of a job in whose log these events are, with what its webhooks want of them."""
    if not record.webhooks or not logged:
        return record
    return replace(record, webhooks=tuple(_wanting(webhook, logged) for webhook in record.webhooks))


def _wanting(webhook: Webhook, logged: Sequence[Event]) -> Webhook:
    wanted = (int(event.sequence) for event in reversed(logged) if matches_notify(event, webhook.events))
    return replace(webhook, wanted=max(webhook.wanted, next(wanted, 0)))


def start_webhooks(ports: Ports, record: JobRecord, before: JobRecord) -> None:
    """Have those webhooks told for which the log has more events than before. They are not waited for."""
    for number, (webhook, earlier) in enumerate(zip(record.webhooks, before.webhooks, strict=True)):
        if webhook.wanted > earlier.wanted:
            _start(ports, record, number)


async def look_after_webhooks(ports: Ports, record: JobRecord, told: int = 0) -> JobRecord:
    """Have those webhooks told that are behind, and whose next attempt is due, if nobody is at it.

    Up to the event `told`, they are known to be settled. Return the record with what is known of the others
    now. It is not saved.
    """
    record, now = await with_webhooks_seen(ports, record, told), ports.clock.now()
    for number, webhook in enumerate(record.webhooks):
        if webhook.is_behind(told) and (webhook.next_attempt_at is None or webhook.next_attempt_at <= now):
            _start(ports, record, number, again=False)
    return record


def _start(
    ports: Ports,
    record: JobRecord,
    number: int,
    status: WebhookStatus | None = None,
    *,
    again: bool = True,
) -> None:
    name = f"{record.job_id}:webhook-{number}"
    tell = partial(_tell_in_worker, ports, record, number, status)
    ports.deliveries.start(name, record.webhooks[number].receiver, tell, again=again)


async def _tell_in_worker(ports: Ports, record: JobRecord, number: int, status: WebhookStatus | None) -> None:
    """Send one batch where nobody sees an exception. The status tells the poller what is left to do."""
    try:
        with ports.telemetry.about(record.job_id):
            await tell_webhook(ports, record, number, status)
    except RecordChangedError:
        return  # another process is at it
    except BatchmgrError as error:
        logger.warning("webhook %d of job %s is left to the poller: %s", number, record.job_id, error)
    except Exception:
        logger.exception("webhook %d of job %s is left to the poller", number, record.job_id)


async def tell_webhook(
    ports: Ports, record: JobRecord, number: int, status: WebhookStatus | None = None
) -> None:
    """Send the next batch of a webhook if one is due, and start the one after it.

    `status` is that of the webhook, if this process has just delivered the batch before: then others may have
    logged more than its record says. Raise RecordChangedError if another process has claimed the batch.
    """
    webhook = record.webhooks[number]
    is_next = status is not None
    status = status or await ports.webhooks.load(record.job_id, number)
    if not status.is_due(ports.clock.now()):
        return
    batch: Sequence[Event] = ()
    if is_next or status.cursor < webhook.wanted:
        try:
            batch = await next_batch(ports, record.job_id, webhook.events, status)
        except Exception as error:
            if isinstance(error, ServiceBusyError):
                raise
            await _retry_or_give_up(ports, record, number, status.failed_to_read(), batch, error)
            return
    if batch:
        await _send_claimed(ports, record, number, status, batch)
    elif record.state.is_final:
        await _close(ports, record.job_id)


async def _send_claimed(
    ports: Ports, record: JobRecord, number: int, status: WebhookStatus, batch: Sequence[Event]
) -> None:
    limit, lease = limit_and_lease(status.tries)
    claim = status.sending(int(batch[-1].sequence), ports.clock.now() + lease)
    claim = await ports.webhooks.save(record.job_id, number, claim)
    try:
        await _send(ports, record, number, batch, limit)
    except Exception as error:
        await _retry_or_give_up(ports, record, number, claim, batch, error)
        return
    delivered = await _save_delivered(ports, record, number, claim)
    _measure(ports, batch, "delivered")
    _start(ports, record, number, delivered)


async def _send(
    ports: Ports, record: JobRecord, number: int, batch: Sequence[Event], limit: timedelta
) -> None:
    job_id = record.job_id
    with ports.telemetry.span(TELL_WEBHOOK, job_id=job_id, traceparent=record.traceparent) as traceparent:
        uri = (await ports.jobs.load_request(job_id)).webhooks[number].uri
        try:
            ports.callbacks.check(uri)
        except InvalidJobError as error:  # its field is that of the callback
            raise InvalidJobError(error.reason, field=f"webhooks[{number}].uri") from error
        webhook_id = f"msg_{job_id}:webhook-{number}:{int(batch[0].sequence)}"
        await ports.callbacks.send_events(uri, batch, webhook_id, limit, traceparent)


async def _save_delivered(
    ports: Ports, record: JobRecord, number: int, claim: WebhookStatus
) -> WebhookStatus:
    """Move the cursor on. The holder of the claim does so although another process may have claimed since."""
    for _ in range(ATTEMPTS):
        await forget_webhook_letter(ports, record.job_id, number, claim)
        try:
            return await ports.webhooks.save(record.job_id, number, claim.delivered())
        except RecordChangedError:
            stored = await ports.webhooks.load(record.job_id, number)
            if not stored.etag or stored.cursor >= claim.through:
                raise
            claim = replace(stored, through=claim.through, attempts=claim.attempts)
    raise RecordChangedError(f"a webhook of job {record.job_id!r} keeps changing")


async def _retry_or_give_up(
    ports: Ports,
    record: JobRecord,
    number: int,
    claim: WebhookStatus,
    batch: Sequence[Event],
    error: Exception,
) -> None:
    job_id, now = record.job_id, ports.clock.now()
    # The text of a foreign exception may hold the URI, which is a secret.
    reason = str(error) if isinstance(error, BatchmgrError) else f"InternalError: {type(error).__name__}"
    if claim.attempts < ports.callback_attempts and not isinstance(error, InvalidJobError):
        pause = pause_after(claim.attempts, error.retry_after if isinstance(error, ServiceError) else None)
        logger.warning("webhook %d of job %s failed, next attempt in %s: %s", number, job_id, pause, reason)
        await ports.webhooks.save(job_id, number, claim.put_off(reason, now + pause))
        _measure(ports, batch, "retried")
        await ports.queue.enqueue_callback(job_id, pause)
        return
    logger.error(
        "webhook %d of job %s given up after %d attempts: %s", number, job_id, claim.attempts, reason
    )
    await forget_webhook_letter(ports, job_id, number, claim)
    dead = await ports.webhooks.save(job_id, number, claim.dead(reason, now))
    await keep_webhook_letter(ports, record, number, dead)
    _measure(ports, batch, "dead")
    await _close(ports, job_id)


async def _close(ports: Ports, job_id: str) -> None:
    with suppress(JobNotFoundError):
        await close_if_settled(ports, (await ports.jobs.load(job_id)).value)


def _measure(ports: Ports, batch: Sequence[Event], outcome: str) -> None:
    """Tell how an attempt has ended, and how long after the first of its events."""
    now = ports.clock.now()
    age = now - (batch[0].time if batch else now)
    about = {CALLBACK_KIND: "webhook", CALLBACK_OUTCOME: outcome}
    ports.telemetry.record(CALLBACK_AGE, max(0.0, age.total_seconds()), about)
