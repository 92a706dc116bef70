"""What Azure Batch says about a job's tasks becomes events, each once, and a cursor in the record."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec

from batchmgr.model.batch_snapshots import TaskCounts, TaskSnapshot
from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import FailedTask
from batchmgr.model.poll_cursors import PollCursor, first_offset, marked
from batchmgr.plan.job_plan import FINALIZE_TASK_ID
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.diagnose import MAX_DIAGNOSED, diagnose
from batchmgr.steps.outbox import SENT_AT_ONCE, commit, publish_observed
from batchmgr.wire.events import progress_event, task_event_ids, task_events

OVERLAP = timedelta(seconds=10)
"""How far before the newest known transition a poll begins to read: some transitions become visible late."""

TASKS_AT_ONCE = 5000
"""How many tasks one change of the record covers, at most. Their events take some megabytes."""


def read_from(record: JobRecord) -> datetime | None:
    """Return the state transition time from which tasks have to be read again; None for all tasks."""
    return record.run.cursor.until - OVERLAP if record.run.cursor.until else None


async def observe(
    ports: Ports, job: Versioned[JobRecord], tasks: Sequence[TaskSnapshot], counts: TaskCounts
) -> Versioned[JobRecord]:
    """Publish what these snapshots show and was not published yet."""
    since = read_from(job.value)
    published = await _published(ports, job.value, since)
    return await _publish(ports, job, _unseen(job.value, tasks, published, since), counts, published, since)


async def observe_end(
    ports: Ports, job: Versioned[JobRecord], tasks: Sequence[TaskSnapshot], counts: TaskCounts
) -> Versioned[JobRecord]:
    """Publish the rest, from all the tasks of a job that has ended.

    Usually the rest is what came after the cursor. If the number of completed tasks does not agree, a
    transition became visible too late for the cursor; then the event log shows which events are missing. If
    the rest is much, it is only logged: the outcome does not wait until it is sent.
    """
    since = read_from(job.value)
    published = await _published(ports, job.value, since)
    recent = [task for task in tasks if since is None or task.state_transition_time >= since]
    rest = _unseen(job.value, recent, published, since)
    known = job.value.run.cursor.completed + sum(task.state == "completed" for task in rest)
    if known != counts.completed:
        published = await ports.events.ids(job.value.job_id, 0, job.value.observed_offset)
        since = None
        rest = _unseen(job.value, tasks, published, since)
    is_much = len(rest) > SENT_AT_ONCE
    return await _publish(ports, job, rest, counts, published, since, sends_later=is_much)


async def _published(ports: Ports, record: JobRecord, since: datetime | None) -> Collection[str]:
    """Return the ids of the published events about what happened at `since` or later."""
    if since is None:
        return ()
    start = first_offset(record.run.cursor.marks, since)
    return await ports.events.ids(record.job_id, start, record.observed_offset)


def _unseen(
    record: JobRecord, tasks: Sequence[TaskSnapshot], published: Collection[str], since: datetime | None
) -> list[TaskSnapshot]:
    """Return the tasks that show an event which is not published, oldest first."""
    job_id = record.job_id
    fresh = [
        task for task in tasks if any(id_ not in published for id_ in task_event_ids(job_id, task, since))
    ]
    return sorted(fresh, key=lambda task: task.state_transition_time)


async def _publish(
    ports: Ports,
    job: Versioned[JobRecord],
    fresh: Sequence[TaskSnapshot],
    counts: TaskCounts,
    published: Collection[str],
    since: datetime | None,
    *,
    sends_later: bool = False,
) -> Versioned[JobRecord]:
    """Publish events for these tasks: thousands of tasks with each change of the record.

    The counts are saved last: until then, the next poll continues where this one was interrupted.
    """
    for start in range(0, len(fresh), TASKS_AT_ONCE):
        some = fresh[start : start + TASKS_AT_ONCE]
        failed = await _diagnosed(ports, job.value, some)
        cursor = _advanced(job.value, some)
        record = job.value.tasks_observed(ports.clock.now(), cursor=cursor, failed=tuple(failed.values()))
        events = [e for e in _events(job.value.job_id, some, failed, since) if e.id not in published]
        job = await publish_observed(ports, job, record, events, sends_later=sends_later)
    if counts != job.value.run.counts:
        record = job.value.counted(ports.clock.now(), counts)
        job = await commit(ports, job, record, [progress_event(record)])
    return job


def _advanced(record: JobRecord, fresh: Sequence[TaskSnapshot]) -> PollCursor:
    cursor = record.run.cursor
    newest = max(task.state_transition_time for task in fresh)
    until = newest if cursor.until is None else max(cursor.until, newest)
    return PollCursor(
        until=until,
        marks=marked(cursor.marks, cursor.until, record.observed_offset, until - OVERLAP),
        completed=cursor.completed + sum(task.state == "completed" for task in fresh),
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


def _events(
    job_id: str, fresh: Sequence[TaskSnapshot], failed: dict[str, FailedTask], since: datetime | None
) -> list[Event]:
    events: list[Event] = []
    for task in fresh:
        diagnosed = failed.get(task.task_id)
        full = msgspec.structs.replace(task, error=diagnosed.error) if diagnosed else task
        events.extend(task_events(job_id, full, since))
    return events
