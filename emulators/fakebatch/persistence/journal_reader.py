"""Restore a store from a journal."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakebatch.errors import JournalError
from fakebatch.model import task_entity as tasks
from fakebatch.model.job_entity import JobEntity
from fakebatch.model.job_schedule_entity import JobScheduleEntity
from fakebatch.model.node_entity import NodeEntity
from fakebatch.model.pool_entity import PoolEntity
from fakebatch.model.preparation_and_release_status import PreparationAndReleaseStatus
from fakebatch.model.subtask import Subtask
from fakebatch.model.task_spec import TaskSpec
from fakebatch.persistence.journal import NAME
from fakebatch.persistence.journal_lines import FORMAT
from fakebatch.persistence.json_codec import decode
from fakebatch.store import Store
from fakebatch.stored_job import StoredJob
from fakebatch.stored_pool import StoredPool


@dataclass
class _Pool:
    value: dict[str, Any]
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    samples: dict[int, dict[str, float]] = field(default_factory=dict)


@dataclass
class _Job:
    value: dict[str, Any]
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    satisfied: list[str] = field(default_factory=list)
    subtasks: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    node_statuses: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class _State:
    pools: dict[str, _Pool] = field(default_factory=dict)
    schedules: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, _Job] = field(default_factory=dict)


def restore(directory: Path, store: Store) -> None:
    """Fill an empty store from the journal in a directory, if there is one. Raises JournalError."""
    path = directory / NAME
    if not path.exists():
        return
    state = _read(path)
    for pool in state.pools.values():
        _restore_pool(store, pool)
    for value in state.schedules.values():
        schedule = decode(JobScheduleEntity, value)
        store.schedules.put(schedule.id, schedule)
    for job in state.jobs.values():
        _restore_job(store, job)
    store.restore_numbers()


def _restore_pool(store: Store, parts: _Pool) -> None:
    record = StoredPool(decode(PoolEntity, parts.value))
    for value in parts.nodes.values():
        node = decode(NodeEntity, value)
        record.nodes.put(node.id, node)
    for at, values in parts.samples.items():
        record.add_sample(at, values)
    store.pools.put(record.pool.id, record)


def _restore_job(store: Store, parts: _Job) -> None:
    record = StoredJob(decode(JobEntity, parts.value))
    for key in parts.satisfied:
        record.dependencies.satisfy(key)
    for value in sorted(parts.tasks.values(), key=lambda value: int(value["number"])):
        record.add(decode(tasks.TaskEntity, {**value, "spec": TaskSpec(value["spec"])}))
    for task_id, values in parts.subtasks.items():
        record.put_subtasks(task_id, [decode(Subtask, value) for value in values])
    for value in parts.node_statuses.values():
        record.put_node_status(decode(PreparationAndReleaseStatus, value))
    store.jobs.put(record.job.id, record)


def _read(path: Path) -> _State:
    state = _State()
    with path.open("rb") as file:
        for number, text in enumerate(file, 1):
            if not text.endswith(b"\n"):
                break  # the process was killed during this write: no response was sent for it
            try:
                line = json.loads(text)
                if number == 1:
                    _check_format(path, line)
                else:
                    _apply(state, line)
            except (ValueError, LookupError, TypeError) as error:
                raise JournalError(f"{path}, line {number}: {error!r}") from error
    return state


def _check_format(path: Path, line: list[Any]) -> None:
    """Raise JournalError if the journal has another format."""
    match line:
        case ["format", int(found)] if found == FORMAT:
            return
        case ["format", found]:
            written = f"in format {found}"
        case _:
            written = "before formats had numbers"
    raise JournalError(
        f"{path} was written {written}, and this version of the fake Azure Batch reads format {FORMAT}. "
        "Use the version that wrote it, or move the directory away to start over."
    )


def _apply(state: _State, line: list[Any]) -> None:
    match line:
        case ["pool", str(pool_id), dict(value)]:
            state.pools.setdefault(pool_id, _Pool(value)).value = value
        case ["node", str(pool_id), str(node_id), dict(value)]:
            state.pools[pool_id].nodes[node_id] = value
        case ["sample", str(pool_id), str(at), dict(values)]:
            state.pools[pool_id].samples[int(at)] = values
        case ["schedule", str(schedule_id), dict(value)]:
            state.schedules[schedule_id] = value
        case ["job", str(job_id), dict(value)]:
            state.jobs.setdefault(job_id, _Job(value)).value = value
        case ["gone", *ids]:
            _apply_gone(state, ids)
        case [str(kind), str(job_id), *rest]:
            _apply_to_job(state.jobs[job_id], kind, rest)
        case _:
            raise ValueError("not a line of a journal")


def _apply_to_job(job: _Job, kind: str, rest: list[Any]) -> None:
    match [kind, *rest]:
        case ["task", str(task_id), dict(value)]:
            _apply_task(job, task_id, value)
        case ["subtasks", str(task_id), list(values)]:
            job.subtasks[task_id.lower()] = values
        case ["visit", str(node_id), dict(value)]:
            job.node_statuses[node_id] = value
        case ["satisfied", list(task_ids)]:
            job.satisfied += task_ids
        case _:
            raise ValueError("not a line of a journal")


def _apply_task(job: _Job, task_id: str, value: dict[str, Any]) -> None:
    before = job.tasks.get(task_id)
    if "spec" in value:
        job.tasks[task_id] = value
    elif before is not None:
        job.tasks[task_id] = {**value, "spec": before["spec"]}
    # Otherwise the line was written during a compaction, and the whole task follows later.


def _apply_gone(state: _State, ids: Iterable[str]) -> None:
    match ids:
        case ["pool", str(pool_id)]:
            state.pools.pop(pool_id, None)
        case ["node", str(pool_id), str(node_id)]:
            state.pools[pool_id].nodes.pop(node_id, None)
        case ["samples", str(pool_id)]:
            state.pools[pool_id].samples.clear()
        case ["schedule", str(schedule_id)]:
            state.schedules.pop(schedule_id, None)
        case ["job", str(job_id)]:
            state.jobs.pop(job_id, None)
        case ["task", str(job_id), str(task_id)]:
            state.jobs[job_id].tasks.pop(task_id, None)
            state.jobs[job_id].subtasks.pop(task_id.lower(), None)
        case _:
            raise ValueError("not a line of a journal")
