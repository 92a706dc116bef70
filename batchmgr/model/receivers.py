"""The receivers of a job's callback: the one in its message, and those that later messages have attached.

Each is told once, by itself. A receiver is known by its key: nothing for the first one, and a digest of the
URI for the others, since the URI is a secret.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import replace

from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import DUE, AttachedReceiver, CallbackState, CallbackStatus

FIRST = ""
"""The key of the receiver in the message with which the job was accepted."""

MAX_ATTACHED = 9
"""How many receivers a job may have besides the first."""

SETTLED = frozenset({CallbackState.DELIVERED, CallbackState.DEAD})


def receiver_key(uri: str) -> str:
    """Return the key of a receiver that is attached."""
    return hashlib.sha256(uri.encode()).hexdigest()[:16]


def statuses(record: JobRecord) -> Mapping[str, CallbackStatus]:
    """Return how far each delivery has come, by the key of its receiver; none before the job has ended."""
    found = {FIRST: record.callback, **{one.key: one.callback for one in record.attached}}
    return {key: status for key, status in found.items() if status is not None}


def due(record: JobRecord, now: datetime) -> Mapping[str, CallbackStatus]:
    """Return the deliveries that have to be attempted now."""
    if not record.state.is_final:
        return {}
    return {
        key: status
        for key, status in statuses(record).items()
        if status.state not in SETTLED and (status.next_attempt_at is None or status.next_attempt_at <= now)
    }


def is_told(record: JobRecord) -> bool:
    """Return whether no receiver of the callback is still to be told."""
    return all(status.state in SETTLED for status in statuses(record).values())


def is_settled(record: JobRecord) -> bool:
    """Return whether the job has ended, and neither a receiver nor a webhook is still to be told."""
    return record.state.is_final and is_told(record) and all(one.is_settled for one in record.webhooks)


def next_attempt(record: JobRecord) -> datetime | None:
    """Return when the next delivery is to be attempted; None if one is due, or none is left."""
    left = [status.next_attempt_at for status in statuses(record).values() if status.state not in SETTLED]
    left += [webhook.next_attempt_at for webhook in record.webhooks if not webhook.is_settled]
    times = [time for time in left if time is not None]
    return min(times, default=None) if len(times) == len(left) else None


def host_of(record: JobRecord, key: str) -> str:
    """Return the host and port of a receiver."""
    return next((one.receiver for one in record.attached if one.key == key), record.receiver)


def webhook_id(job_id: str, key: str) -> str:
    """Return the id by which a receiver knows that it was told already. Receivers may share an address.

    A job id has no colon, so no two receivers have the same.
    """
    return f"msg_{job_id}:{key}" if key else f"msg_{job_id}"


def with_receiver(record: JobRecord, key: str, receiver: str) -> JobRecord:
    """Return the record with another receiver. It is told at the end: now, if the job has ended."""
    callback = DUE if record.state.is_final else None
    attached = AttachedReceiver(key=key, receiver=receiver, callback=callback)
    return replace(record, attached=(*record.attached, attached))


def with_status(
    record: JobRecord, key: str, status: CallbackStatus, *, updated_at: datetime | None = None
) -> JobRecord:
    """Return the record with another status of one delivery."""
    time = updated_at or record.updated_at
    if key == FIRST:
        return replace(record, updated_at=time, callback=status)
    attached = tuple(one.with_callback(status) if one.key == key else one for one in record.attached)
    return replace(record, updated_at=time, attached=attached)
