"""An entry in the index of active jobs: what the poller knows of a job without its record.

One listing of the index tells the poller what is due. A job that waits, or whose tasks run for long, costs
nothing or one call to Azure Batch then: its record stays where it is.
"""

from datetime import datetime, timedelta
from typing import Self
from zlib import crc32

import msgspec

from batchmgr.model.batch_snapshots import TaskCounts
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.model.webhook import told_of

LONGEST_PAUSE = timedelta(minutes=1)
"""How rarely a job is polled that has not changed for long."""

PAUSES = (
    (timedelta(minutes=1), timedelta(0)),
    (timedelta(minutes=3), timedelta(seconds=20)),
    (timedelta(minutes=6), timedelta(seconds=40)),
)
"""A job that has changed within the first time is polled after the second one; later, once a minute."""


class ActiveJob(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A job with a step still to do. If only its id is known, its record has to be looked into.

    `entered_at` is when it entered its state, `moved_at` when anything about it has changed, and `counts` are
    the task counts that were published. Before `look_at` there is nothing to do, unless the counts change.
    Until `followed_until` somebody waits for what happens to it, and each poll looks into its record.
    Before `rest_until` somebody else polls it. `unsent_since`: the progress queue is behind its log. `told`
    is the number of the last event that its webhooks were known to be told of.
    `etag` is the version of the entry: a note is made only if nobody has changed it since.
    """

    job_id: str
    state: JobState | None = None
    entered_at: datetime | None = None
    moved_at: datetime | None = None
    counts: TaskCounts = TaskCounts()
    look_at: datetime | None = None
    followed_until: datetime | None = None
    rest_until: datetime | None = None
    is_waiting: bool = False
    unsent_since: datetime | None = None
    told: int = 0
    etag: str = ""

    @classmethod
    def of(
        cls,
        record: JobRecord,
        look_at: datetime | None = None,
        *,
        etag: str = "",
        followed_until: datetime | None = None,
    ) -> Self:
        """Return the entry of a job whose record has to be looked into at `look_at`, or each time."""
        return cls(
            etag=etag,
            job_id=record.job_id,
            state=record.state,
            entered_at=record.entered.get(record.state, record.created_at),
            moved_at=record.updated_at,
            counts=record.run.counts,
            look_at=look_at,
            followed_until=followed_until,
            is_waiting=record.waits_for is not None,
            unsent_since=record.unsent.since if record.unsent else None,
            told=told_of(record.webhooks),
        )

    def needs_look(self, now: datetime) -> bool:
        """Return whether the record has to be looked into."""
        return self.look_at is None or now >= self.look_at or self.is_followed(now)

    def is_followed(self, now: datetime) -> bool:
        """Return whether somebody waits for what happens to the job."""
        return self.followed_until is not None and now < self.followed_until

    def is_due(self, now: datetime, previous: datetime | None) -> bool:
        """Return whether a poll at `now` has to do anything, if `previous` was the time of the last one.

        Jobs that are polled in longer pauses are spread over them. No pause is kept anywhere: it follows from
        the times alone. After a restart, without a `previous`, every job is due.
        """
        if self.rest_until is not None and now < self.rest_until:
            return False
        if self.needs_look(now):
            return True
        if self.state is not JobState.RUNNING or self.moved_at is None:
            return False
        pause = pause_after(now - self.moved_at)
        if previous is None or not pause:
            return True
        offset = crc32(self.job_id.encode()) % LONGEST_PAUSE.seconds
        return _slot(now, pause, offset) != _slot(previous, pause, offset)


def is_polled_rarely(record: JobRecord, now: datetime) -> bool:
    """Return whether the job runs and has not changed for so long that it is polled in pauses."""
    return record.state is JobState.RUNNING and bool(pause_after(now - record.updated_at))


def pause_after(quiet: timedelta) -> timedelta:
    """Return how long a job is left alone that has not changed for so long."""
    return next((pause for limit, pause in PAUSES if quiet < limit), LONGEST_PAUSE)


def _slot(time: datetime, pause: timedelta, offset: int) -> int:
    return int((time.timestamp() + offset) // pause.total_seconds())
