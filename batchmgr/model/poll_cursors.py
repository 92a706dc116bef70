"""How far the poller has read what Azure Batch and the tasks themselves say. Kept in the job record.

A cursor has the same size whatever the number of tasks is: what was read shortly before it is not listed
here, but looked up in the event log, from a place that a mark remembers.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

MARKS_APART = timedelta(seconds=1)


class LogMark(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A place in the event log: no event before `offset` tells of anything newer than `time`."""

    time: datetime
    offset: int


Marks = tuple[LogMark, ...]


class PollCursor(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How far the poller has read the state transitions of the job's tasks.

    `until` is the time of the newest transition that was read. `marks` lead to the events of the transitions
    within the overlap before `until`: a transition that becomes visible late is then still published, and
    none is published twice. `completed` counts the completed tasks that were published.
    """

    until: datetime | None = None
    marks: Marks = ()
    completed: int = 0


class ReportCursor(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How far the poller has read the progress reports of the job's tasks.

    `until` and `marks` are like those of a PollCursor. `results` holds, by task id, a key of the result that
    the task has published.
    """

    until: datetime | None = None
    marks: Marks = ()
    results: dict[str, str] = {}


def first_offset(marks: Sequence[LogMark], since: datetime) -> int:
    """Return from where on the log must be read to find all events of `since` or later."""
    return max((mark.offset for mark in marks if mark.time < since), default=0)


def marked(marks: Marks, before: datetime | None, offset: int, since: datetime) -> Marks:
    """Return the marks when a log that ends at `offset` tells of everything up to `before`.

    Only those are kept that `since`, or a later time, may need: about one for each second after it.
    """
    if before is not None and (not marks or before - marks[-1].time >= MARKS_APART):
        marks = (*marks, LogMark(time=before, offset=offset))
    passed = sum(mark.time < since for mark in marks)
    return marks[max(0, passed - 1) :]
