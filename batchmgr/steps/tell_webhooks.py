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
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Self

from msgspec.structs import replace

from batchmgr.callback_port import receiver_of
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
from batchmgr.wire.job_message import JobMessage

logger = logging.getLogger(__name__)

ATTEMPTS = 10
"""How often a batch that was delivered is noted, at most, when others keep saving the status."""


def webhooks_of(message: JobMessage) -> tuple[Webhook, ...]:
    """Return what the record of a job says of the webhooks in its message."""
    return tuple(Webhook(receiver=receiver_of(one.uri), events=one.events) for one in message.webhooks)


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
            _start(ports, Reader.of(record, number))


async def look_after_webhooks(ports: Ports, record: JobRecord, told: int = 0) -> JobRecord:
    """Have those webhooks told that are behind, and whose next attempt is due, if nobody is at it.

    Up to the event `told`, they are known to be settled. Return the record with what is known of the others
    now. It is not saved.
    """
    record, now = await with_webhooks_seen(ports, record, told), ports.clock.now()
    for number, webhook in enumerate(record.webhooks):
        if webhook.is_behind(told) and (webhook.next_attempt_at is None or webhook.next_attempt_at <= now):
            _start(ports, Reader.of(record, number), again=False)
    return record


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A webhook that a worker tells: all that it needs to know of the job, since many may wait in memory."""

    job_id: str
    number: int
    webhook: Webhook
    traceparent: str
    has_ended: bool

    @classmethod
    def of(cls, record: JobRecord, number: int) -> Self:
        """Return a webhook of a job."""
        return cls(
            job_id=record.job_id,
            number=number,
            webhook=record.webhooks[number],
            traceparent=record.traceparent,
            has_ended=record.state.is_final,
        )


@dataclass(frozen=True, kw_only=True)
class Taken:
    """The status of a webhook whose receiver has just taken a batch, and its URI, which is a secret."""

    status: WebhookStatus
    uri: str = field(repr=False)


def _start(ports: Ports, reader: Reader, before: Taken | None = None, *, again: bool = True) -> None:
    name = f"{reader.job_id}:webhook-{reader.number}"
    tell = partial(_tell_in_worker, ports, reader, before)
    ports.deliveries.start(name, reader.webhook.receiver, tell, again=again)


async def _tell_in_worker(ports: Ports, reader: Reader, before: Taken | None) -> None:
    """Send one batch where nobody sees an exception. The status tells the poller what is left to do."""
    text = "webhook %d of job %s is left to the poller: %s"
    try:
        with ports.telemetry.about(reader.job_id):
            await tell_webhook(ports, reader, before)
    except RecordChangedError:
        return  # another process is at it
    except BatchmgrError as error:
        logger.warning(text, reader.number, reader.job_id, error)
    except Exception as error:
        logger.exception(text, reader.number, reader.job_id, type(error).__name__)


async def tell_webhook(ports: Ports, reader: Reader, before: Taken | None = None) -> None:
    """Send the next batch of a webhook if one is due, and start the one after it.

    `before` is the batch before, if this process has just delivered it: then others may have logged more
    meanwhile than the reader knows. Raise RecordChangedError if another process has claimed the batch.
    """
    status = before.status if before else await ports.webhooks.load(reader.job_id, reader.number)
    if not status.is_due(ports.clock.now()):
        return
    batch: Sequence[Event] = ()
    if before or status.cursor < reader.webhook.wanted:
        try:
            batch = await next_batch(ports, reader.job_id, reader.webhook.events, status)
        except ServiceBusyError:
            raise
        except Exception as error:
            await _retry_or_give_up(ports, reader, status.failed_to_read(), batch, error)
            return
    if batch:
        await _send_claimed(ports, reader, status, batch, before.uri if before else "")
    elif reader.has_ended:
        await _close(ports, reader.job_id)


async def _send_claimed(
    ports: Ports, reader: Reader, status: WebhookStatus, batch: Sequence[Event], uri: str
) -> None:
    limit, lease = limit_and_lease(status.tries)
    claim = status.sending(int(batch[-1].sequence), ports.clock.now() + lease)
    claim = await ports.webhooks.save(reader.job_id, reader.number, claim)
    try:
        uri = uri or (await ports.jobs.load_request(reader.job_id)).webhooks[reader.number].uri
        await _send(ports, reader, uri, batch, limit)
    except Exception as error:
        await _retry_or_give_up(ports, reader, claim, batch, error)
        return
    delivered = await _save_delivered(ports, reader, claim)
    _measure(ports, batch, "delivered")
    _start(ports, reader, Taken(status=delivered, uri=uri))


async def _send(ports: Ports, reader: Reader, uri: str, batch: Sequence[Event], limit: timedelta) -> None:
    job_id, number = reader.job_id, reader.number
    with ports.telemetry.span(TELL_WEBHOOK, job_id=job_id, traceparent=reader.traceparent) as traceparent:
        try:
            ports.callbacks.check(uri)
        except InvalidJobError as error:  # its field is that of the callback
            raise InvalidJobError(error.reason, field=f"webhooks[{number}].uri") from error
        webhook_id = f"msg_{job_id}:webhook-{number}:{int(batch[0].sequence)}"
        await ports.callbacks.send_events(uri, batch, webhook_id, limit, traceparent)


async def _save_delivered(ports: Ports, reader: Reader, claim: WebhookStatus) -> WebhookStatus:
    """Move the cursor on. The holder of the claim does so although another process may have claimed since."""
    for _ in range(ATTEMPTS):
        await forget_webhook_letter(ports, reader.job_id, reader.number, claim)
        try:
            return await ports.webhooks.save(reader.job_id, reader.number, claim.delivered())
        except RecordChangedError:
            stored = await ports.webhooks.load(reader.job_id, reader.number)
            if not stored.etag or stored.cursor >= claim.through:
                raise
            claim = replace(stored, through=claim.through, attempts=claim.attempts)
    raise RecordChangedError(f"a webhook of job {reader.job_id!r} keeps changing")


async def _retry_or_give_up(
    ports: Ports, reader: Reader, claim: WebhookStatus, batch: Sequence[Event], error: Exception
) -> None:
    job_id, number, now = reader.job_id, reader.number, ports.clock.now()
    # The text of a foreign exception may hold the URI, which is a secret.
    reason = str(error) if isinstance(error, BatchmgrError) else f"InternalError: {type(error).__name__}"
    if claim.attempts < ports.callback_attempts and not isinstance(error, InvalidJobError):
        pause = pause_after(claim.attempts, error.retry_after if isinstance(error, ServiceError) else None)
        logger.warning("webhook %d of job %s failed, next attempt in %s: %s", number, job_id, pause, reason)
        await ports.webhooks.save(job_id, number, claim.put_off(reason, now + pause))
        _measure(ports, batch, "retried")
        await ports.queue.enqueue_callback(job_id, pause)
        return
    text = "webhook %d of job %s given up after %d attempts: %s"
    logger.error(text, number, job_id, claim.attempts, reason)
    await forget_webhook_letter(ports, job_id, number, claim)
    dead = await ports.webhooks.save(job_id, number, claim.dead(reason, now))
    await keep_webhook_letter(ports, job_id, number, reader.webhook.receiver, dead)
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
