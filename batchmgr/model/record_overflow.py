"""The parts of a job record that can become large, and the record without them.

A record that is too large is stored in two blobs: one for these parts, and a small one that names it.
"""

import msgspec
from msgspec.structs import replace

from batchmgr.model.cloud_event import Event
from batchmgr.model.failure_groups import FailureGroup
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import FailedTask, ResultFile
from batchmgr.model.size_limits import MAX_RECORD
from batchmgr.model.task_progress import TaskResult


class Overflow(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The events to publish, and the lists of the outcome."""

    outbox: tuple[Event, ...] = ()
    failed_tasks: tuple[FailedTask, ...] = ()
    failure_groups: tuple[FailureGroup, ...] = ()
    results: tuple[ResultFile, ...] = ()
    task_results: tuple[TaskResult, ...] = ()


def fits(body: bytes) -> bool:
    """Return whether a record of this JSON is stored in one blob."""
    return len(body) <= MAX_RECORD


def split(record: JobRecord, overflow: str) -> tuple[JobRecord, Overflow]:
    """Return the record without its large parts, and these parts. `overflow` is the name of their blob."""
    parts = Overflow(
        outbox=record.outbox,
        failed_tasks=record.run.failed_tasks,
        failure_groups=record.failure_groups,
        results=record.results,
        task_results=record.task_results,
    )
    run = replace(record.run, failed_tasks=())
    small = replace(record, outbox=(), run=run, failure_groups=(), results=(), task_results=())
    return replace(small, overflow=overflow), parts


def join(record: JobRecord, parts: Overflow) -> JobRecord:
    """Return the whole record."""
    run = replace(record.run, failed_tasks=parts.failed_tasks)
    return replace(
        record,
        outbox=parts.outbox,
        run=run,
        failure_groups=parts.failure_groups,
        results=parts.results,
        task_results=parts.task_results,
    )
