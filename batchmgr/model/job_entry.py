"""An entry in the list of jobs: what a job is found by without its record.

The entries of a part of the list sort by their keys, the newest job first. Each job is in one part: among
those that have not ended, that have succeeded, or that have ended otherwise. So rare ends are found quickly,
and a job moves once.
"""

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self

import msgspec

from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.plan.ids import job_key

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LATEST = 10**18
"""Later than any time, in microseconds. Subtracted from it, later times sort first."""

_KEY = re.compile(r"(\d{18})-([a-z0-9_-]{1,64})")


class ListPart(StrEnum):
    """A part of the list of jobs."""

    ACTIVE = "active"
    SUCCEEDED = "succeeded"
    UNSUCCESSFUL = "unsuccessful"

    @classmethod
    def of(cls, state: JobState) -> "ListPart":
        """Return the part in which a job in this state is."""
        if not state.is_final:
            return cls.ACTIVE
        return cls.SUCCEEDED if state is JobState.SUCCEEDED else cls.UNSUCCESSFUL


class JobEntry(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What the list says of one job.

    `workload` and `metadata` are None if they are not known: then the record has to be looked into.
    """

    key: str
    job_id: str
    created_at: datetime
    part: ListPart
    workload: str | None = None
    metadata: dict[str, str] | None = None

    @classmethod
    def of(cls, record: JobRecord) -> Self:
        """Return the entry of a job."""
        return cls(
            key=key_of(record.job_id, record.created_at),
            job_id=record.job_id,
            created_at=record.created_at,
            part=ListPart.of(record.state),
            workload=record.workload,
            metadata=record.metadata,
        )

    @classmethod
    def of_key(cls, key: str, part: ListPart) -> Self | None:
        """Return an entry of which only the key is known, or None if it is none."""
        match = _KEY.fullmatch(key)
        if match is None:
            return None
        age = min(_LATEST - int(match[1]), (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND)
        return cls(key=key, job_id=match[2], created_at=_EPOCH + age * _MICROSECOND, part=part)

    def moved_to(self, part: ListPart) -> Self:
        """Return the entry in another part of the list."""
        return msgspec.structs.replace(self, part=part)


def key_of(job_id: str, created_at: datetime) -> str:
    """Return the key of a job. Those of later jobs come first.

    >>> first = datetime(2026, 1, 1, tzinfo=UTC)
    >>> key_of("Job-1", first), key_of("Job-2", first + timedelta(seconds=1)) < key_of("Job-1", first)
    ('998232774400000000-job-1', True)
    """
    return f"{_LATEST - (created_at - _EPOCH) // _MICROSECOND:018d}-{job_key(job_id)}"
