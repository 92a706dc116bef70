"""What a journal tells, put back into a store."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from batchmgr.local.fakebatch.model import task as tasks
from batchmgr.local.fakebatch.model.job import Job
from batchmgr.local.fakebatch.model.pool import Pool
from batchmgr.local.fakebatch.model.schedule import Schedule
from batchmgr.local.fakebatch.model.task_spec import TaskSpec
from batchmgr.local.fakebatch.persistence.codec import decode
from batchmgr.local.fakebatch.persistence.journal import NAME
from batchmgr.local.fakebatch.store import JobRecord, PoolRecord, Store


class JournalError(Exception):
    """A journal that cannot be read; the message tells where."""


@dataclass
class _Job:
    value: dict[str, Any]
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    satisfied: list[str] = field(default_factory=list)


@dataclass
class _State:
    pools: dict[str, dict[str, Any]] = field(default_factory=dict)
    schedules: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, _Job] = field(default_factory=dict)


def restore(directory: Path, store: Store, now: int) -> None:
    """Fill an empty store with what the journal in a directory tells, if there is one. Raises JournalError.

    The machines have been off meanwhile: pools find their nodes anew, and tasks that were running are queued
    again.
    """
    path = directory / NAME
    if not path.exists():
        return
    state = _read(path)
    for value in state.pools.values():
        pool = replace(decode(Pool, value), allocation_state="resizing", allocation_since=now)
        store.pools.put(pool.id, PoolRecord(pool))
    for value in state.schedules.values():
        schedule = decode(Schedule, value)
        store.schedules.put(schedule.id, schedule)
    for told in state.jobs.values():
        job = decode(Job, told.value)
        record = JobRecord(job)
        store.jobs.put(job.id, record)
        _restore_tasks(record, told, now)
    store.restore_numbers()


def _restore_tasks(record: JobRecord, told: _Job, now: int) -> None:
    for key in told.satisfied:
        record.dependencies.satisfy(key)
    for value in sorted(told.tasks.values(), key=lambda value: int(value["number"])):
        task = decode(tasks.Task, {**value, "spec": TaskSpec(value["spec"])})
        record.add(task if task.state in ("active", "completed") else tasks.requeued(task, now))


def _read(path: Path) -> _State:
    state = _State()
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                break  # the process was killed while it wrote: this was never answered
            try:
                _take(state, json.loads(line))
            except (ValueError, LookupError, TypeError) as error:
                raise JournalError(f"{path}, line {number}: {error!r}") from error
    return state


def _take(state: _State, line: list[Any]) -> None:
    match line:
        case ["pool", str(pool_id), dict(value)]:
            state.pools[pool_id] = value
        case ["schedule", str(schedule_id), dict(value)]:
            state.schedules[schedule_id] = value
        case ["job", str(job_id), dict(value)]:
            state.jobs.setdefault(job_id, _Job(value)).value = value
        case ["task", str(job_id), str(task_id), dict(value)]:
            _take_task(state.jobs[job_id], task_id, value)
        case ["satisfied", str(job_id), list(task_ids)]:
            state.jobs[job_id].satisfied += task_ids
        case ["gone", *ids]:
            _forget(state, ids)
        case _:
            raise ValueError("not a line of a journal")


def _take_task(job: _Job, task_id: str, value: dict[str, Any]) -> None:
    before = job.tasks.get(task_id)
    if "spec" in value:
        job.tasks[task_id] = value
    elif before is not None:
        job.tasks[task_id] = {**value, "spec": before["spec"]}
    # Else a compaction has told of a change before it told of the task, which it will.


def _forget(state: _State, ids: Iterable[str]) -> None:
    match ids:
        case ["pool", str(pool_id)]:
            state.pools.pop(pool_id, None)
        case ["schedule", str(schedule_id)]:
            state.schedules.pop(schedule_id, None)
        case ["job", str(job_id)]:
            state.jobs.pop(job_id, None)
        case ["task", str(job_id), str(task_id)]:
            state.jobs[job_id].tasks.pop(task_id, None)
        case _:
            raise ValueError("not a line of a journal")
