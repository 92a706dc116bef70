"""Ids: what they may be, and how they are derived. The same cause always gives the same id."""

from __future__ import annotations

import re
from datetime import datetime, timezone

JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
INTEGER_ID = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
"""Ids that Azure Batch takes as ranges."""

CONTAINER_NAME = re.compile(r"[a-z0-9](?:-?[a-z0-9])*")
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def is_valid_id(value: str) -> bool:
    """Whether Azure Batch and batchmgr accept this as the id of a job or task."""
    return JOB_ID.fullmatch(value) is not None


def job_key(job_id: str) -> str:
    """The form under which a job is stored: ids are unique without regard to case."""
    return job_id.lower()


def id_from_message(message_id: str) -> str:
    """The id of a job whose queue message carries none: the same for each delivery of that message."""
    return f"q-{message_id.lower()}" if is_valid_id(f"q-{message_id}") else f"q-{_digest(message_id, 32)}"


def id_from_key(idempotency_key: str) -> str:
    """The id of a job sent over HTTP with an `Idempotency-Key`: the same for each repetition."""
    return f"k-{_digest(idempotency_key, 32)}"


def time_ordered_id(now: datetime, randomness: int) -> str:
    """A new id that sorts by time: 48 bits of milliseconds, then 80 bits of randomness, as a ULID."""
    milliseconds = int((now - _EPOCH).total_seconds() * 1000)
    number = (milliseconds << 80) | (randomness & ((1 << 80) - 1))
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


def job_container(job_id: str) -> str:
    """The blob container of a job's files, `job-<job id>`, made valid where the id alone is not.

    Container names hold 3–63 of `a-z0-9-`, without doubled dashes; other ids get a short digest instead,
    so that two jobs never share a container.
    """
    name = f"job-{job_id.lower()}"
    if len(name) <= 63 and CONTAINER_NAME.fullmatch(name):
        return name
    slug = re.sub(r"[^a-z0-9]+", "-", job_id.lower()).strip("-")[:40].rstrip("-")
    return "-".join(part for part in ("job", slug, _digest(job_id.lower(), 12)) if part)


def _digest(text: str, length: int) -> str:
    from hashlib import sha256  # tasks start sooner without it

    return sha256(text.encode()).hexdigest()[:length]
