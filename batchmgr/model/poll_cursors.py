"""How far the poller has read what Azure Batch and the tasks themselves say. Kept in the job record.

A cursor has the same size whatever the number of tasks is: what was read shortly before it is not listed
here, but looked up in the event log, from a place that a mark remembers.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

MARKS_APART = timedelta(seconds=1)
LONG_AGO = datetime.min.replace(tzinfo=UTC)


class LogMark(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A place in the event log: no event before `offset` tells of anything newer than `time`."""

    time: datetime
    offset: int


Marks = tuple[LogMark, ...]


class PollCursor(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How far the poller has read the state transitions of the job's tasks.

    `until` is the time of the newest transition that was read. `marks` lead to the events of the transitions
    within the overlap before `until`: a transition that becomes visible late is then still published, and
    none is published twice. While an observation is not over, `until` stays, and `reached` is the time of the
    newest transition that was published. `completed` counts the ends of tasks that were published, and
    `succeeded` the good ones among them: each task has at most one good end.
    """

    until: datetime | None = None
    reached: datetime | None = None
    marks: Marks = ()
    completed: int = 0
    succeeded: int = 0


class ReportCursor(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How far the poller has read the progress reports of the job's tasks.

    `until` and `marks` are like those of a PollCursor. `results` holds, by task id, a key of the result that
    the task has published.
    """

    until: datetime | None = None
    marks: Marks = ()
    results: dict[str, str] = {}


def first_offset(marks: Sequence[LogMark], since: datetime | None) -> int:
    """Return from where on the log must be read to find all events of `since` or later; None: of any time."""
    if since is None:
        return marks[0].offset if marks else 0
    return max((mark.offset for mark in marks if mark.time < since), default=0)


def marked(marks: Marks, before: datetime | None, offset: int, since: datetime) -> Marks:
    """Return the marks when a log that ends at `offset` tells of nothing after `before`; None: of nothing.

    Only those are kept that `since`, or a later time, may need: about one for each second after it.
    """
    before = before or LONG_AGO
    if not marks or before - marks[-1].time >= MARKS_APART:
        marks = (*marks, LogMark(time=before, offset=offset))
    passed = sum(mark.time < since for mark in marks)
    return marks[max(0, passed - 1) :]
