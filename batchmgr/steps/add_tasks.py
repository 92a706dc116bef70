"""Adds a job's own tasks to Azure Batch, as they are made, and notes how many are there."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial

from batchmgr.errors import RecordChangedError
from batchmgr.model.container_access import StorageAccess
from batchmgr.model.job_record import JobRecord
from batchmgr.plan.job_plan import JobPlan, TaskPlan
from batchmgr.ports import Clock, Ports
from batchmgr.steps.claim import ClaimedJob
from batchmgr.steps.meanwhile import meanwhile

TASKS_AT_ONCE = 100
"""How many tasks are made at once: as many as one call to Azure Batch takes."""

NOTE_PAUSE = timedelta(seconds=2)
"""How often a submission notes how many tasks are there. Whoever continues repeats no more than that."""


async def add_own_tasks(
    ports: Ports, mine: ClaimedJob, job_plan: JobPlan, access: StorageAccess, ends_at: datetime
) -> int:
    """Add tasks until the time is up. Return how many are there, those of earlier portions included.

    Their number is noted every few seconds, and where this stops: whoever continues adds what is missing.
    """
    before = mine.record.submission.tasks_added
    there = before

    def note(count: int) -> None:
        nonlocal there
        there = before + count

    async def save_note() -> None:
        if there > mine.record.submission.tasks_added:
            await mine.save(partial(JobRecord.tasks_added, now=ports.clock.now(), count=there))

    async def add() -> None:
        rest = _until(ports.clock, job_plan.tasks, before, ends_at)
        await ports.batch.add_tasks(job_plan, rest, access, note)

    try:
        await meanwhile(ports.clock, NOTE_PAUSE, save_note, add)
    except RecordChangedError:
        raise
    except Exception:
        await save_note()
        raise
    if there < len(job_plan.tasks):
        await save_note()
    return there


def _until(clock: Clock, tasks: Sequence[TaskPlan], first: int, ends_at: datetime) -> Iterator[TaskPlan]:
    """Yield tasks from the place `first` on, at least some, until the time is up."""
    for start in range(first, len(tasks), TASKS_AT_ONCE):
        if start > first and clock.now() >= ends_at:
            return
        yield from tasks[start : start + TASKS_AT_ONCE]
