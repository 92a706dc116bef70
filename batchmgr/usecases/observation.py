"""Observe: what Azure Batch says of a job's tasks becomes events, each once, and a cursor in the record."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from batchmgr.model.job import FailedTask, JobRecord, PollCursor
from batchmgr.model.task import TaskCounts, TaskSnapshot
from batchmgr.ports import Ports, Versioned
from batchmgr.usecases.announcing import announce, publish
from batchmgr.usecases.diagnosis import MAX_DIAGNOSED, diagnose
from batchmgr.wire.events import Event, progress_event, task_events

OVERLAP = timedelta(seconds=10)
"""How far before the newest known transition the next reading begins: some become visible late."""


def read_from(record: JobRecord) -> datetime | None:
    """The state transition time from which tasks have to be read again; None for all."""
    return record.cursor.until - OVERLAP if record.cursor.until else None


async def observe(
    ports: Ports, job: Versioned[JobRecord], tasks: Sequence[TaskSnapshot], counts: TaskCounts
) -> Versioned[JobRecord]:
    """Tell what these snapshots say and was not told yet; the record, saved, that remembers it."""
    job = await announce(ports, job)
    record, now = job.value, ports.clock.now()
    fresh = _unseen(record.cursor, tasks)
    failed = await _diagnosed(ports, record, fresh)
    if not fresh and counts == record.counts:
        return job
    seen = record.change(
        now,
        counts=counts,
        failed_tasks=(*record.failed_tasks, *failed.values()),
        cursor=_advanced(record.cursor, tasks, fresh),
    )
    events = _events(seen, fresh, failed)
    if counts != record.counts:
        events.append(progress_event(seen, now))
    offset = await publish(ports, record, events)
    return await ports.jobs.save(seen.change(now, events_offset=offset), job.etag)


async def observe_end(
    ports: Ports, job: Versioned[JobRecord], tasks: Sequence[TaskSnapshot], counts: TaskCounts
) -> Versioned[JobRecord]:
    """Tell the rest, from all the tasks of a job at its end.

    Usually those since the cursor. Where the numbers don't agree, a transition was missed: then every task is
    told, and the log, compared from its beginning, keeps what it has.
    """
    since = read_from(job.value)
    recent = [task for task in tasks if since is None or task.state_transition_time >= since]
    cursor = _advanced(job.value.cursor, recent, _unseen(job.value.cursor, recent))
    if cursor.completed == counts.completed:
        return await observe(ports, job, recent, counts)
    forgotten = job.value.change(job.value.updated_at, cursor=PollCursor(), events_offset=0)
    return await observe(ports, Versioned(value=forgotten, etag=job.etag), tasks, counts)


def _unseen(cursor: PollCursor, tasks: Sequence[TaskSnapshot]) -> list[TaskSnapshot]:
    return [task for task in tasks if task.state != "active" and task.fingerprint not in cursor.seen]


def _advanced(cursor: PollCursor, tasks: Sequence[TaskSnapshot], fresh: Sequence[TaskSnapshot]) -> PollCursor:
    times = [task.state_transition_time for task in tasks]
    until = max([*times, cursor.until] if cursor.until else times, default=None)
    if until is None:
        return cursor
    return PollCursor(
        until=until,
        seen=frozenset(task.fingerprint for task in tasks if task.state_transition_time >= until - OVERLAP),
        completed=cursor.completed + sum(task.state == "completed" for task in fresh),
    )


async def _diagnosed(ports: Ports, record: JobRecord, fresh: Sequence[TaskSnapshot]) -> dict[str, FailedTask]:
    known = {task.task_id for task in record.failed_tasks}
    room = MAX_DIAGNOSED - len(known)
    failed = [task for task in fresh if task.has_failed and task.task_id not in known][: max(0, room)]
    found = await asyncio.gather(*(diagnose(ports, record.job_id, task) for task in failed))
    return {task.task_id: task for task in found}


def _events(record: JobRecord, fresh: Sequence[TaskSnapshot], failed: dict[str, FailedTask]) -> list[Event]:
    events: list[Event] = []
    for task in sorted(fresh, key=lambda task: task.state_transition_time):
        told = failed.get(task.task_id)
        full = msgspec.structs.replace(task, error=told.error) if told else task
        events.extend(task_events(record.job_id, full))
    return events
