"""Observe: what Azure Batch says of a job's tasks becomes events, each once, and a cursor in the record."""

import asyncio
import sys
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec

from batchmgr.model.batch_snapshots import NO_RERUNS, TaskCounts, TaskSnapshot
from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record import FailedTask, JobRecord, PollCursor
from batchmgr.plan.job_plan import FINALIZE_TASK_ID
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.diagnose import MAX_DIAGNOSED, diagnose
from batchmgr.steps.outbox import commit
from batchmgr.wire.events import progress_event, task_events

OVERLAP = timedelta(seconds=10)
"""How far before the newest known transition the next reading begins: some become visible late."""

TASKS_AT_ONCE = 250
"""How many tasks one change of the record tells of: the events travel in the record."""


def read_from(record: JobRecord) -> datetime | None:
    """The state transition time from which tasks have to be read again; None for all."""
    return record.cursor.until - OVERLAP if record.cursor.until else None


async def observe(
    ports: Ports, job: Versioned[JobRecord], tasks: Sequence[TaskSnapshot], counts: TaskCounts
) -> Versioned[JobRecord]:
    """Tell what these snapshots say and was not told yet."""
    return await _tell(ports, job, _unseen(job.value.cursor, tasks), counts)


async def observe_end(
    ports: Ports, job: Versioned[JobRecord], tasks: Sequence[TaskSnapshot], counts: TaskCounts
) -> Versioned[JobRecord]:
    """Tell the rest, from all the tasks of a job at its end.

    Usually that is what came after the cursor. Where the numbers don't agree, a transition became visible too
    late for it: then the log says what is missing.
    """
    since = read_from(job.value)
    recent = [task for task in tasks if since is None or task.state_transition_time >= since]
    rest = _unseen(job.value.cursor, recent)
    told: set[str] = set()
    if job.value.cursor.completed + sum(task.state == "completed" for task in rest) != counts.completed:
        log = await ports.events.read(job.value.job_id, 0, sys.maxsize)
        told = {event.id for event in log}
        rest = [t for t in tasks if not told.issuperset(e.id for e in task_events(job.value.job_id, t))]
    return await _tell(ports, job, rest, counts, told)


async def _tell(
    ports: Ports,
    job: Versioned[JobRecord],
    fresh: Sequence[TaskSnapshot],
    counts: TaskCounts,
    told: Collection[str] = (),
) -> Versioned[JobRecord]:
    """Tell of these tasks, oldest first, some hundreds with each change of the record; then of the counts.

    `told` are ids of events that are known to be in the log. The counts come last: until they are saved, the
    next poll begins again where this one was cut off.
    """
    in_order = sorted(fresh, key=lambda task: task.state_transition_time)
    for start in range(0, len(in_order), TASKS_AT_ONCE):
        some = in_order[start : start + TASKS_AT_ONCE]
        failed = await _diagnosed(ports, job.value, some)
        record = job.value.change(
            ports.clock.now(),
            failed_tasks=(*job.value.failed_tasks, *failed.values()),
            cursor=_advanced(job.value.cursor, some),
        )
        events = [e for e in _events(job.value, some, failed) if e.id not in told]
        job = await commit(ports, job, record, events)
    if counts != job.value.counts:
        record = job.value.change(ports.clock.now(), counts=counts)
        job = await commit(ports, job, record, [progress_event(record)])
    return job


def _unseen(cursor: PollCursor, tasks: Sequence[TaskSnapshot]) -> list[TaskSnapshot]:
    return [task for task in tasks if task.state != "active" and task.fingerprint not in cursor.seen]


def _advanced(cursor: PollCursor, fresh: Sequence[TaskSnapshot]) -> PollCursor:
    seen = cursor.seen | {task.fingerprint: task.state_transition_time for task in fresh}
    until = max(seen.values())
    reruns = dict(cursor.reruns)
    for task in fresh:
        if task.state == "completed":
            reruns.pop(task.task_id, None)
        elif task.reruns != NO_RERUNS:
            reruns[task.task_id] = task.reruns
    return PollCursor(
        until=until,
        seen={fingerprint: time for fingerprint, time in seen.items() if time >= until - OVERLAP},
        completed=cursor.completed + sum(task.state == "completed" for task in fresh),
        reruns=reruns,
    )


async def _diagnosed(ports: Ports, record: JobRecord, fresh: Sequence[TaskSnapshot]) -> dict[str, FailedTask]:
    known = {task.task_id for task in record.failed_tasks}
    room = MAX_DIAGNOSED - len(known)
    failed = [task for task in fresh if task.has_failed and task.task_id not in known]
    # The FinalizeTask comes last, and tells of another failure than those of the others.
    final = [task for task in failed if task.task_id == FINALIZE_TASK_ID]
    failed = [task for task in failed if task not in final][: max(0, room)] + final
    found = await asyncio.gather(*(diagnose(ports, record.job_id, task) for task in failed))
    return {task.task_id: task for task in found}


def _events(record: JobRecord, fresh: Sequence[TaskSnapshot], failed: dict[str, FailedTask]) -> list[Event]:
    events: list[Event] = []
    for task in fresh:
        told = failed.get(task.task_id)
        full = msgspec.structs.replace(task, error=told.error) if told else task
        events.extend(task_events(record.job_id, full, record.cursor.reruns.get(task.task_id, NO_RERUNS)))
    return events
