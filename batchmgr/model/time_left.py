"""When a job will have ended, as far as that can be known from the tasks that have ended."""

from datetime import datetime, timedelta

import msgspec

from batchmgr.model.batch_snapshots import TaskCounts
from batchmgr.model.usage import Usage
from batchmgr.model.usage_figures import total_of

LEAST_ENDED = 3
"""How many tasks must have ended before anything is said."""

LONGEST = timedelta(days=365)


class TimeLeft(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """When the job will have ended if its other tasks take as long as those that have ended.

    `basis` says in words what that follows from.
    """

    ends_at: datetime
    basis: str


def time_left(usage: Usage, counts: TaskCounts, now: datetime) -> TimeLeft | None:
    """Return when the job will have ended; None if too few tasks have ended, or none runs.

    As many tasks go on running at the same time as now, and those that run are half done. It is a guess:
    tasks that wait for others, or nodes that come and go, are not in it.
    """
    total, running = total_of(usage.kinds.values()), counts.running
    if total.tasks < LEAST_ENDED or not running or not total.task_seconds:
        return None
    mean = total.task_seconds / total.tasks
    seconds = mean * (counts.active + running / 2) / running
    if seconds > LONGEST.total_seconds():
        return None
    basis = f"{total.tasks:,} tasks took {_told(mean)} each; {running:,} run, {counts.active:,} are to come"
    return TimeLeft(ends_at=now + timedelta(seconds=seconds), basis=basis)


def _told(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 5400 else f"{seconds / 3600:.3g} h"
