"""A dead letter: what batchmgr has given up, or could not use, with the reason and the time.

It holds no secret: neither the URI of a callback or webhook nor the message itself.
"""

import hashlib
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from batchmgr.model.job_record_parts import CallbackStatus
from batchmgr.model.size_limits import MESSAGE, NAME, cut_fields
from batchmgr.model.webhook import WebhookStatus

LAST_TIME = datetime.max.replace(tzinfo=UTC)


class DeadLetterKind(StrEnum):
    """What was given up: a `callback` or a `webhook` of a job, or a `message` that lies in a poison queue."""

    CALLBACK = "callback"
    WEBHOOK = "webhook"
    MESSAGE = "message"


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One dead letter. In the order of their ids, the newest comes first.

    A callback or a webhook has a `job_id` and a `receiver`, which is a host and port. A message has a
    `queue`, and its `message_id` there.
    """

    id: str
    kind: DeadLetterKind
    time: datetime
    reason: str
    job_id: str = ""
    receiver: str = ""
    queue: str = ""
    message_id: str = ""

    def __post_init__(self) -> None:
        """Cut texts that are too long."""
        cut_fields(self, {"reason": MESSAGE, "queue": NAME, "message_id": NAME})


def callback_letter_id(job_id: str, key: str, status: CallbackStatus) -> str:
    """Return the id of the dead letter of a callback that was given up. `key` is that of its receiver."""
    return _letter_id(status.given_up_at or LAST_TIME, f"callback {job_id.lower()} {key}")


def callback_letter(job_id: str, key: str, receiver: str, status: CallbackStatus) -> DeadLetter:
    """Return the dead letter of a callback that was given up."""
    return _of_receiver(
        callback_letter_id(job_id, key, status), DeadLetterKind.CALLBACK, job_id, receiver, status
    )


def webhook_letter_id(job_id: str, number: int, status: WebhookStatus) -> str:
    """Return the id of the dead letter of a webhook that was given up. `number` is its place in the job."""
    return _letter_id(status.given_up_at or LAST_TIME, f"webhook {job_id.lower()} {number}")


def webhook_letter(job_id: str, number: int, receiver: str, status: WebhookStatus) -> DeadLetter:
    """Return the dead letter of a webhook that was given up."""
    return _of_receiver(
        webhook_letter_id(job_id, number, status), DeadLetterKind.WEBHOOK, job_id, receiver, status
    )


def message_letter(queue: str, message_id: str, time: datetime, reason: str) -> DeadLetter:
    """Return the dead letter of a message that stays in its poison queue, since `time`."""
    return DeadLetter(
        id=_letter_id(time, f"message {queue} {message_id}"),
        kind=DeadLetterKind.MESSAGE,
        time=time,
        reason=reason,
        queue=queue,
        message_id=message_id,
    )


def first_older_id(time: datetime) -> str:
    """Return what comes before the ids of all letters that are older than this, and after those of others."""
    return f"{_begin(time)}~"


def _of_receiver(
    letter_id: str, kind: DeadLetterKind, job_id: str, receiver: str, status: CallbackStatus | WebhookStatus
) -> DeadLetter:
    return DeadLetter(
        id=letter_id,
        kind=kind,
        time=status.given_up_at or LAST_TIME,
        reason=status.last_error,
        job_id=job_id,
        receiver=receiver,
    )


def _letter_id(time: datetime, what: str) -> str:
    """Return an id that is the same each time, so that nothing is kept twice."""
    return f"{_begin(time)}-{hashlib.sha256(what.encode()).hexdigest()[:16]}"


def _begin(time: datetime) -> str:
    left = int((LAST_TIME - time).total_seconds() * 1000)
    return f"{left:015d}"
