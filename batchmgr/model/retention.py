"""How long batchmgr keeps what is left of a job that has ended, and what of it is due to go."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Self

import msgspec
from msgspec.structs import replace

from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import FilesUse, Purge
from batchmgr.model.job_states import JobState
from batchmgr.model.receivers import is_settled, is_told, next_attempt

LONGEST = timedelta(days=36_500)
"""The longest time that can be asked for. With more, dates would overflow."""

LONGEST_START = timedelta(hours=1)
"""How long a rerun may have been asked for and not be known yet."""

LONGEST_LAG = timedelta(hours=2)
"""How long a job is kept for events that could not be sent. They are left out after an hour."""


@dataclass(frozen=True, kw_only=True)
class Retention:
    """How long what is kept, counted from the end of a job, or from when a message came. None: for ever.

    `batch_jobs`: the Batch job, with its tasks and their files on nodes. `jobs`: everything else of a job,
    unless its message asks for another time. `messages`: messages that nobody has taken from a queue, and
    uploaded ones.
    """

    batch_jobs: timedelta | None = timedelta(days=7)
    jobs: timedelta | None = timedelta(days=30)
    messages: timedelta | None = timedelta(days=14)


class Due(Enum):
    """What of a job is due to go."""

    NOTHING = "nothing"
    BATCH_JOB = "the Batch job"
    EVERYTHING = "everything"


class EndedJob(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What can be seen of a job without its record, to find those that are due.

    Of a record of an earlier version only its last change is known: it may still be active.
    """

    job_id: str = ""
    ended_at: datetime
    retention_time: timedelta | None = None
    has_batch_job: bool = True
    is_purging: bool = False

    @classmethod
    def of(cls, record: JobRecord) -> Self:
        """Return what is to be seen of a job that has ended."""
        return cls(
            job_id=record.job_id,
            ended_at=record.entered.get(record.state, record.updated_at),
            retention_time=record.retention_time,
            has_batch_job=record.in_batch and not record.batch_job_deleted,
            is_purging=record.purge is not None,
        )

    def kept_for(self, keep: Retention) -> timedelta | None:
        """Return how long the job is kept after its end; None if it is kept for ever."""
        return self.retention_time or keep.jobs

    def due(self, keep: Retention, now: datetime) -> Due:
        """Return what is due to go."""
        if self.is_purging or _is_over(self.ended_at, self.kept_for(keep), now):
            return Due.EVERYTHING
        if self.has_batch_job and _is_over(self.ended_at, keep.batch_jobs, now):
            return Due.BATCH_JOB
        return Due.NOTHING


class RetentionPlace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a round of the retention has come: to which page of the listing, and in it after which job.

    `parts`: to which page of what is stored besides records.
    """

    token: str = ""
    after: str = ""
    parts: str = ""


def what_is_left_to_do(record: JobRecord, now: datetime) -> str:
    """Return why a job can't be deleted yet, and what its caller can do; nothing if it can be."""
    job_id = record.job_id
    if not record.state.is_final:
        return f"it is {record.state}. Cancel it first (POST /api/jobs/{job_id}/cancel), or wait for its end."
    if not is_settled(record):
        time = next_attempt(record)
        when = f", next at {time:%Y-%m-%d %H:%M:%S} UTC" if time else ""
        if is_told(record):
            return f"its webhooks are not told of all events{when}. Try again when they are, or are given up."
        return f"its callback is not delivered{when}. Try again when it is, or is given up."
    if record.outbox or (record.unsent is not None and now - record.unsent.since < LONGEST_LAG):
        return "its last events are still to be sent. Try again in a minute."
    return ""


def with_uses(record: JobRecord, uses: Collection[FilesUse]) -> JobRecord:
    """Return the record of a job whose files are used so."""
    return replace(record, used_by=tuple(uses))


def begin_purge(record: JobRecord, now: datetime, request: str) -> JobRecord:
    """Return the record of a job of which everything is being deleted. `request`: which stored request."""
    return replace(record, purge=Purge(since=now, request=request))


def record_of_leftovers(job_id: str, now: datetime, request: str) -> JobRecord:
    """Return a record for what is left of a job without one, by which everything of it is deleted.

    Its digest is that of no message, so no Batch job belongs to it.
    """
    return JobRecord(
        job_id=job_id,
        state=JobState.REJECTED,
        workload="",
        digest="left over",
        created_at=now,
        updated_at=now,
        purge=Purge(since=now, request=request),
    )


def without_batch_job(record: JobRecord) -> JobRecord:
    """Return the record of an ended job whose Batch job is deleted."""
    return replace(record, batch_job_deleted=True)


def _is_over(begin: datetime, time: timedelta | None, now: datetime) -> bool:
    return time is not None and now - begin >= time
