"""What Azure Batch says about a job's tasks becomes events, each once, and a cursor in the record.

Thousands of tasks are published with each change of the record, while the next thousands are read. So an
observation that is interrupted has not been for nothing. But Azure Batch lists tasks in any order: only when
all are read, the cursor moves on to the newest of them. Whoever reads them again before that finds in the log
which were published.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from msgspec.structs import replace

from batchmgr.model.batch_snapshots import TaskCounts, TaskSnapshot
from batchmgr.model.cloud_event import Event, LogEnd
from batchmgr.model.job_outcome import count_tasks
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import FailedTask
from batchmgr.model.poll_cursors import LONG_AGO, PollCursor, first_offset, marked
from batchmgr.model.task_ends import TaskEnds
from batchmgr.plan.job_plan import FINALIZE_TASK_ID
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.count_usage import counted_usage
from batchmgr.steps.diagnose import MAX_DIAGNOSED, diagnose
from batchmgr.steps.outbox import SENT_AT_ONCE, after_end_of_log, publish_observed
from batchmgr.wire.events import (
    TASK_FAILED,
    TASK_SUCCEEDED,
    TaskEventId,
    events_named,
    progress_event,
    task_event_ids,
    task_of_event,
)

ENDS = (TASK_SUCCEEDED, TASK_FAILED)
OVERLAP = timedelta(seconds=10)
"""How far before the newest known transition a poll begins to read: some transitions become visible late."""

SHORT_OVERLAP = timedelta(seconds=1)
"""The same at the end of a job, where the number of ends says whether any has become visible later."""

TASKS_AT_ONCE = 5000
"""How many tasks one change of the record covers, at most. Their events take some megabytes."""


@dataclass
class _Unseen:
    """The tasks that show events which are not published, oldest first, with the ids of these events."""

    tasks: list[tuple[TaskSnapshot, list[TaskEventId]]]

    @property
    def newest(self) -> datetime | None:
        """Return the time of the newest transition."""
        return self.tasks[-1][0].state_transition_time if self.tasks else None

    @property
    def ended(self) -> list[TaskSnapshot]:
        """Return the tasks that have ended. Nothing comes after the end of a task."""
        return [task for task, ids in self.tasks if ids[-1][1] in ENDS]

    @property
    def succeeded(self) -> int:
        """Return how many of the tasks have succeeded."""
        return sum(ids[-1][1] == TASK_SUCCEEDED for _, ids in self.tasks)


@dataclass(frozen=True, kw_only=True)
class _Portion:
    """What one change of the record tells: tasks, and maybe the counts. The cursor moves on with the last."""

    fresh: _Unseen
    counts: TaskCounts | None = None
    is_last: bool
    sends_later: bool = False

    def is_news(self, record: JobRecord) -> bool:
        """Return whether there is anything to tell or to save."""
        has_other_counts = self.counts is not None and self.counts != record.run.counts
        moves_cursor = self.is_last and record.run.cursor.reached is not None
        return bool(self.fresh.tasks) or has_other_counts or moves_cursor


def read_from(record: JobRecord) -> datetime | None:
    """Return the state transition time from which tasks have to be read again; None for all tasks."""
    return record.run.cursor.until - OVERLAP if record.run.cursor.until else None


async def observe(
    ports: Ports, job: Versioned[JobRecord], tasks: AsyncIterator[TaskSnapshot], counts: TaskCounts
) -> Versioned[JobRecord]:
    """Publish what these tasks show and was not published yet. They are all that changed since `read_from`.

    The counts are saved with the last of them: until then, the next poll continues where this one was
    interrupted.
    """
    since = read_from(job.value)
    published = await _published(ports, job.value, job.value.run.cursor, since)
    return await _observe(ports, job, tasks, since, published, counts)


async def observe_rest(ports: Ports, job: Versioned[JobRecord]) -> Versioned[JobRecord]:
    """Publish what has changed since the cursor in a job whose tasks are over. Afterwards the cursor counts.

    At thousands of tasks a second, what is read again of the ten seconds before the cursor would be most of
    it. So less is read again, and the rest only if ends of tasks are missing then. If the rest is much, it is
    only logged: the outcome does not wait until it is sent.
    """
    cursor, since = job.value.run.cursor, read_from(job.value)
    for begin in (cursor.until - SHORT_OVERLAP, since) if cursor.until else (None,):
        tasks = ports.batch.list_tasks(job.value.job_id, since=begin)
        published = await _published(ports, job.value, cursor, since)
        job = await _observe(ports, job, tasks, since, published, may_send_later=True)
        if job.value.run.cursor.completed >= job.value.run.total:
            break
    return job


async def observe_end(ports: Ports, job: Versioned[JobRecord], ends: TaskEnds) -> Versioned[JobRecord]:
    """Publish the rest, from all the tasks of a job that has ended, and the counts.

    If it is known that all tasks have succeeded, only the counts are left: `observe_rest` was before. Usually
    the rest is what came after the cursor. If the number of completed tasks does not agree, a transition
    became visible too late for the cursor; then the event log shows which events are missing. If the rest is
    much, it is only logged: the outcome does not wait until it is sent.
    """
    if ends.all_succeeded:
        total = job.value.run.total
        counts = TaskCounts(completed=total, succeeded=total)
        return await _publish(ports, job, _Portion(fresh=_Unseen([]), counts=counts, is_last=True), set())
    tasks, counts = ends.listed, count_tasks(ends.listed)
    since = read_from(job.value)
    published = await _published(ports, job.value, job.value.run.cursor, since)
    recent = [task for task in tasks if since is None or task.state_transition_time >= since]
    rest = _unseen(job.value, recent, set(published), since)
    if job.value.run.cursor.completed + len(rest.ended) != counts.completed:
        since, published = None, set(await ports.events.ids(job.value.job_id, 0, job.value.observed_offset))
        rest = _unseen(job.value, tasks, set(published), since)
    is_much = len(rest.tasks) > SENT_AT_ONCE
    for start in range(0, len(rest.tasks) or 1, TASKS_AT_ONCE):
        portion = [task for task, _ in rest.tasks[start : start + TASKS_AT_ONCE]]
        some = _unseen(job.value, portion, published, since)
        is_last = start + TASKS_AT_ONCE >= len(rest.tasks)
        told = counts if is_last else None
        news = _Portion(fresh=some, counts=told, is_last=is_last, sends_later=is_much)
        job = await _publish(ports, job, news, published)
    return job


async def _observe(
    ports: Ports,
    job: Versioned[JobRecord],
    tasks: AsyncIterator[TaskSnapshot],
    since: datetime | None,
    published: set[str],
    counts: TaskCounts | None = None,
    *,
    may_send_later: bool = False,
) -> Versioned[JobRecord]:
    async with aclosing(_portions(tasks)) as read:
        async for portion in read:
            fresh = _unseen(job.value, portion, published, since)
            is_last = len(portion) < TASKS_AT_ONCE
            told = counts if is_last else None
            later = may_send_later and len(fresh.tasks) > SENT_AT_ONCE
            news = _Portion(fresh=fresh, counts=told, is_last=is_last, sends_later=later)
            job = await _publish(ports, job, news, published)
    return job


async def _portions(tasks: AsyncIterator[TaskSnapshot]) -> AsyncGenerator[list[TaskSnapshot], None]:
    """Yield the tasks by thousands, and read the next thousands meanwhile. Only the last portion is smaller.

    It may have no tasks at all.
    """
    portion = await _read(tasks)
    while len(portion) == TASKS_AT_ONCE:
        following = asyncio.create_task(_read(tasks))
        try:
            yield portion
            portion = await following
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
    yield portion


async def _read(tasks: AsyncIterator[TaskSnapshot]) -> list[TaskSnapshot]:
    portion = []
    async for task in tasks:
        portion.append(task)
        if len(portion) == TASKS_AT_ONCE:
            break
    return portion


async def _published(ports: Ports, record: JobRecord, cursor: PollCursor, since: datetime | None) -> set[str]:
    """Return the ids of the published events about what happened at `since` or later.

    The cursor may be an earlier one of the job: its marks reach back further.
    """
    if not record.run.cursor.marks:
        return set()
    start = first_offset(cursor.marks, since)
    return set(await ports.events.ids(record.job_id, start, record.observed_offset))


def _unseen(
    record: JobRecord, tasks: Iterable[TaskSnapshot], published: set[str], since: datetime | None
) -> _Unseen:
    """Return the tasks that show events which are not published. These then count as published.

    A list that is read page by page may show a task twice.
    """
    job_id, found = record.job_id, list[tuple[TaskSnapshot, list[TaskEventId]]]()
    for task in tasks:
        unseen = []
        for one in task_event_ids(job_id, task, since):
            if one[0] not in published:
                published.add(one[0])
                unseen.append(one)
        if unseen:
            found.append((task, unseen))
    return _in_order(found)


def _logged(end: LogEnd, published: set[str]) -> list[tuple[TaskSnapshot, list[TaskEventId]]]:
    """Return the tasks of events in the log that are not published. These then count as published."""
    found = []
    for event in end.after:
        task = task_of_event(event)
        if task is not None and event.id not in published:
            found.append((task, [(event.id, event.type)]))
            published.add(event.id)
    return found


def _in_order(tasks: list[tuple[TaskSnapshot, list[TaskEventId]]]) -> _Unseen:
    return _Unseen(sorted(tasks, key=lambda task: task[0].state_transition_time))


async def _publish(
    ports: Ports, job: Versioned[JobRecord], portion: _Portion, published: set[str]
) -> Versioned[JobRecord]:
    """Publish the events of a portion, if it is news.

    What a stopped process has logged of other tasks is taken over: from now on it counts as published.
    """
    if not portion.is_news(job.value):
        return job
    return await after_end_of_log(ports, job, partial(_publish_after, ports, portion, published))


async def _publish_after(
    ports: Ports, portion: _Portion, published: set[str], job: Versioned[JobRecord], end: LogEnd
) -> Versioned[JobRecord]:
    logged = _logged(end, published)
    failed = await _diagnosed(
        ports, job.value, [task for task, _ in portion.fresh.tasks], told=[task for task, _ in logged]
    )
    fresh = _in_order([*portion.fresh.tasks, *logged]) if logged else portion.fresh
    cursor = _advanced(job.value, fresh, is_last=portion.is_last)
    usage = await counted_usage(ports, job.value, fresh.ended)
    record = job.value.tasks_observed(
        ports.clock.now(), cursor=cursor, failed=tuple(failed.values()), usage=usage
    )
    events = _events(job.value.job_id, fresh, failed)
    if portion.counts is not None and portion.counts != record.run.counts:
        record = record.counted(record.updated_at, portion.counts)
        events.append(progress_event(record))
    return await publish_observed(ports, job, record, events, end, sends_later=portion.sends_later)


def _advanced(record: JobRecord, fresh: _Unseen, *, is_last: bool) -> PollCursor:
    cursor = record.run.cursor
    reached = max(filter(None, (cursor.reached, fresh.newest)), default=None)
    if reached is None:
        return cursor
    until = max(cursor.until or LONG_AGO, reached) if is_last else cursor.until
    since = until - OVERLAP if until is not None else LONG_AGO
    return PollCursor(
        until=until,
        reached=None if is_last else reached,
        marks=marked(cursor.marks, cursor.until, record.observed_offset, since),
        completed=cursor.completed + len(fresh.ended),
        succeeded=cursor.succeeded + fresh.succeeded,
    )


async def _diagnosed(
    ports: Ports, record: JobRecord, fresh: Sequence[TaskSnapshot], told: Sequence[TaskSnapshot]
) -> dict[str, FailedTask]:
    """Return the failed tasks that the record has room for. What was `told` of a task is known already."""
    known = {task.task_id for task in record.run.failed_tasks}
    room = MAX_DIAGNOSED - len(known)
    failed = [task for task in (*told, *fresh) if task.has_failed and task.task_id not in known]
    # The FinalizeTask comes last, and its failure is another one than those of the other tasks.
    final = [task for task in failed if task.task_id == FINALIZE_TASK_ID]
    failed = [task for task in failed if task not in final][: max(0, room)] + final
    by_log = {task.task_id: FailedTask.of(task) for task in told}
    found = await asyncio.gather(
        *(diagnose(ports, record, one) for one in failed if one.task_id not in by_log)
    )
    by_node = {task.task_id: task for task in found}
    return {task.task_id: by_node.get(task.task_id) or by_log[task.task_id] for task in failed}


def _events(job_id: str, fresh: _Unseen, failed: dict[str, FailedTask]) -> list[Event]:
    tasks: Sequence[tuple[TaskSnapshot, list[TaskEventId]]] = fresh.tasks
    if failed:
        errors = {task_id: task.error for task_id, task in failed.items()}
        tasks = [
            (replace(task, error=errors[task.task_id]) if task.task_id in errors else task, ids)
            for task, ids in tasks
        ]
    return events_named(job_id, tasks)
