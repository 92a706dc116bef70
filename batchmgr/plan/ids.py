"""Ids of jobs and tasks: which are valid, and how new ones are derived.

Derived ids are deterministic: the same message or key always gives the same id.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone

JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
INTEGER_ID = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
"""Task ids that dependencies can name as ranges.

Azure Batch compares ids with a range as numbers: 4, 04 and 004 are one task to it, and the first to complete
satisfies it. So an id with leading zeros is never sent in a range, and no job may have it beside its twin.
Source: https://learn.microsoft.com/azure/batch/batch-task-dependencies#task-id-range
"""

_PADDED_ID = re.compile(r"0+([0-9]+)", re.ASCII)

CONTAINER_NAME = re.compile(r"[a-z0-9](?:-?[a-z0-9])*")
JOB_CONTAINERS = "job-"
"""How the names of the containers of jobs begin."""

_DIGEST = 30
_ENDS_LIKE_A_DIGEST = re.compile(r"-[0-9a-f]{30}\Z")
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def is_valid_id(value: str) -> bool:
    """Return whether Azure Batch and batchmgr accept this as the id of a job or task."""
    return JOB_ID.fullmatch(value) is not None


def without_leading_zeros(task_id: str) -> str:
    """Return a task id as Azure Batch compares it with a range of ids.

    >>> without_leading_zeros("004"), without_leading_zeros("000"), without_leading_zeros("04a")
    ('4', '0', '04a')
    """
    padded = _PADDED_ID.fullmatch(task_id)
    return (padded[1].lstrip("0") or "0") if padded else task_id


def job_key(job_id: str) -> str:
    """Return the form of the id under which a job is stored: ids that differ only in case are the same id."""
    return job_id.lower()


def id_from_message(message_id: str) -> str:
    """Return the id of a job whose queue message has none. Each delivery of the message gives the same id."""
    return f"q-{message_id.lower()}" if is_valid_id(f"q-{message_id}") else f"q-{_digest(message_id, 32)}"


def id_from_content(body: bytes) -> str:
    """Return the id under which a message without a usable one is rejected. The same message has the same."""
    from hashlib import sha256

    return f"m-{sha256(body).hexdigest()[:32]}"


def id_from_key(idempotency_key: str) -> str:
    """Return the id of a job that was sent over HTTP with this `Idempotency-Key`."""
    return f"k-{_digest(idempotency_key, 32)}"


def time_ordered_id(now: datetime, randomness: int) -> str:
    """Return a new id that sorts by time: like a ULID, 48 bits of milliseconds and 80 bits of randomness."""
    milliseconds = int((now - _EPOCH).total_seconds() * 1000)
    number = (milliseconds << 80) | (randomness & ((1 << 80) - 1))
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


def job_container(job_id: str) -> str:
    """Return the name of the blob container of a job's files: `job-<job id>` if that is a valid name.

    Container names have 3 to 63 of `a-z0-9-`, without two dashes in a row. For other ids the name ends with a
    digest of the id, of 120 bits. So does that of an id that ends like one: no id has the name of another.

    >>> job_container("Kmers-001"), job_container("a__b")
    ('job-kmers-001', 'job-a-b-63e5c1c455d01d5cbcbadd205443a5')
    """
    key = job_key(job_id)
    name = f"{JOB_CONTAINERS}{key}"
    if len(name) <= 63 and CONTAINER_NAME.fullmatch(name) and not _ENDS_LIKE_A_DIGEST.search(key):
        return name
    slug = re.sub(r"[^a-z0-9]+", "-", key).strip("-")[:28].rstrip("-") or "x"
    return f"{JOB_CONTAINERS}{slug}-{_digest(key, _DIGEST)}"


def _digest(text: str, length: int) -> str:
    from hashlib import sha256  # tasks start faster without it

    return sha256(text.encode()).hexdigest()[:length]
