"""The parts of a job record that can become large, and the record without them.

A record that is too large is stored in two blobs: one for these parts, and a small one that names it.
"""

import msgspec
from msgspec.structs import replace

from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record import JobRecord
from batchmgr.model.poll_cursors import PollCursor, ReportCursor

INLINE = 64 * 1024
"""A record of this size is stored in one blob."""


class Overflow(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The events to publish, and what was seen of tasks and reports: it grows with the number of tasks."""

    outbox: tuple[Event, ...] = ()
    cursor: PollCursor = PollCursor()
    report_cursor: ReportCursor = ReportCursor()


def split(record: JobRecord, overflow: str) -> tuple[JobRecord, Overflow]:
    """Return the record without its large parts, and these parts. `overflow` is the name of their blob."""
    parts = Overflow(outbox=record.outbox, cursor=record.run.cursor, report_cursor=record.run.report_cursor)
    run = replace(
        record.run,
        cursor=replace(parts.cursor, seen={}, reruns={}),
        report_cursor=replace(parts.report_cursor, seen={}, results={}),
    )
    return replace(record, outbox=(), run=run, overflow=overflow), parts


def join(record: JobRecord, parts: Overflow) -> JobRecord:
    """Return the whole record."""
    run = replace(record.run, cursor=parts.cursor, report_cursor=parts.report_cursor)
    return replace(record, outbox=parts.outbox, run=run)
