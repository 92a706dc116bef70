"""What Azure Batch says about a job's tasks becomes events, each once, and a cursor in the record."""

import asyncio
import sys
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec

from batchmgr.model.batch_snapshots import NO_RERUNS, TaskCounts, TaskSnapshot
from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import FailedTask
from batchmgr.model.poll_cursors import PollCursor
from batchmgr.model.size_limits import portions
from batchmgr.plan.job_plan import FINALIZE_TASK_ID
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.diagnose import MAX_DIAGNOSED, diagnose
from batchmgr.steps.outbox import commit, publish_observed
from batchmgr.wire.events import progress_event, task_events

OVERLAP = timedelta(seconds=10)
"""How far before the newest known transition a poll begins to read: some transitions become visible late."""

BYTES_AT_ONCE = 2 * 1024 * 1024
"""How many bytes of tasks one change of the record covers, at most: their events are saved with it."""


def read_from(record: JobRecord) -> datetime | None:
    """Return the state transition time from which tasks have to be read again; None for all tasks."""
    return record.run.cursor.until - OVERLAP if record.run.cursor.until else None


async def observe(
    ports: Ports, job: Versioned[JobRecord], tasks: Sequence[TaskSnapshot], counts: TaskCounts
) -> Versioned[JobRecord]:
    """Publish what these snapshots show and was not published yet."""
    return await _publish(ports, job, _unseen(job.value.run.cursor, tasks), counts)


async def observe_end(
    ports: Ports, job: Versioned[JobRecord], tasks: Sequence[TaskSnapshot], counts: TaskCounts
) -> Versioned[JobRecord]:
    """Publish the rest, from all the tasks of a job that has ended.

    Usually the rest is what came after the cursor. If the number of completed tasks does not agree, a
    transition became visible too late for the cursor; then the event log shows which events are missing.
    """
    since = read_from(job.value)
    cursor = job.value.run.cursor
    recent = [task for task in tasks if since is None or task.state_transition_time >= since]
    rest = _unseen(cursor, recent)
    published: set[str] = set()
    if cursor.completed + sum(task.state == "completed" for task in rest) != counts.completed:
        log = await ports.events.read(job.value.job_id, 0, sys.maxsize)
        published = {event.id for event in log}
        rest = [t for t in tasks if not published.issuperset(e.id for e in task_events(job.value.job_id, t))]
    return await _publish(ports, job, rest, counts, published)


async def _publish(
    ports: Ports,
    job: Versioned[JobRecord],
    fresh: Sequence[TaskSnapshot],
    counts: TaskCounts,
    published: Collection[str] = (),
) -> Versioned[JobRecord]:
    """Publish events for these tasks, oldest first: thousands of tasks with each change of the record.

    `published` are ids of events that are known to be in the log. The counts are saved last: until then, the
    next poll continues where this one was interrupted.
    """
    in_order = sorted(fresh, key=lambda task: task.state_transition_time)
    for some in portions(in_order, BYTES_AT_ONCE):
        failed = await _diagnosed(ports, job.value, some)
        cursor = _advanced(job.value.run.cursor, some)
        record = job.value.tasks_observed(ports.clock.now(), cursor=cursor, failed=tuple(failed.values()))
        events = [e for e in _events(job.value, some, failed) if e.id not in published]
        job = await publish_observed(ports, job, record, events)
    if counts != job.value.run.counts:
        record = job.value.counted(ports.clock.now(), counts)
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
    known = {task.task_id for task in record.run.failed_tasks}
    room = MAX_DIAGNOSED - len(known)
    failed = [task for task in fresh if task.has_failed and task.task_id not in known]
    # The FinalizeTask comes last, and its failure is another one than those of the other tasks.
    final = [task for task in failed if task.task_id == FINALIZE_TASK_ID]
    failed = [task for task in failed if task not in final][: max(0, room)] + final
    found = await asyncio.gather(*(diagnose(ports, record, task) for task in failed))
    return {task.task_id: task for task in found}


def _events(record: JobRecord, fresh: Sequence[TaskSnapshot], failed: dict[str, FailedTask]) -> list[Event]:
    events: list[Event] = []
    for task in fresh:
        diagnosed = failed.get(task.task_id)
        full = msgspec.structs.replace(task, error=diagnosed.error) if diagnosed else task
        known = record.run.cursor.reruns.get(task.task_id, NO_RERUNS)
        events.extend(task_events(record.job_id, full, known))
    return events
