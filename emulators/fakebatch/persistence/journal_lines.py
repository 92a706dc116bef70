"""The format of the journal's lines, and how changes become lines.

Each line is a JSON array. The first is `["format", number]`. The others are `["pool", id, value]`,
`["node", pool id, id, value]`, `["sample", pool id, time, values]`, `["schedule", id, value]`,
`["job", id, value]`, `["task", job id, id, value]`, `["subtasks", job id, task id, [values]]`,
`["visit", job id, node id, value]`, `["satisfied", job id, [task ids]]`, or `["gone", kind, id, ...]`. The
last line about a thing is valid. A task is written without its `spec` if its properties haven't changed.
"""

from collections.abc import Iterator
from json import JSONEncoder
from typing import Any, Final

from fakebatch.model.task_entity import TaskEntity
from fakebatch.model.task_spec import as_dict
from fakebatch.persistence.json_codec import encode
from fakebatch.store import Store
from fakebatch.stored_job import StoredJob
from fakebatch.stored_pool import StoredPool

FORMAT: Final = 3
"""The number of the format that this module describes."""

Change = tuple[str, ...]
"""A kind and ids: a line without its value. `satisfied` has the id of one task."""

line: Final = JSONEncoder(separators=(",", ":"), check_circular=False).encode
"""Encode a line as JSON."""


def journal_line(store: Store, change: Change, *, with_spec: bool) -> str | None:
    """Return the line for a change, or None if the thing is gone, which has a line of its own."""
    kind, *ids = change
    if kind == "satisfied":
        return line([kind, ids[0], ids[1:]])
    value = _value(store, kind, ids, with_spec=with_spec)
    return None if value is None else line([*change, value])


def _value(store: Store, kind: str, ids: list[str], *, with_spec: bool) -> Any:
    first = ids[0]
    match kind:
        case "schedule":
            return encode(store.schedules.get(first))
        case "pool" | "node" | "sample":
            pool = store.pools.get(first)
            return None if pool is None else _value_of_pool(pool, kind, ids[-1])
        case _:
            job = store.jobs.get(first)
            return None if job is None else _value_of_job(job, kind, ids[-1], with_spec=with_spec)


def _value_of_pool(record: StoredPool, kind: str, name: str) -> Any:
    match kind:
        case "pool":
            return encode(record.pool)
        case "node":
            return encode(record.nodes.get(name))
        case _:
            return record.samples.get(int(name))


def _value_of_job(record: StoredJob, kind: str, name: str, *, with_spec: bool) -> Any:
    match kind:
        case "job":
            return encode(record.job)
        case "subtasks":
            found = record.subtasks.get(name.lower())
            return None if found is None else encode(tuple(found))
        case "visit":
            return encode(record.node_statuses.get(name))
        case _:
            task = record.tasks.get(name)
            return None if task is None else _task_value(task, with_spec=with_spec)


def _task_value(task: TaskEntity, *, with_spec: bool) -> dict[str, Any]:
    value: dict[str, Any] = encode(task, without="spec")
    return value | {"spec": as_dict(task.spec)} if with_spec else value


def head_changes(store: Store) -> Iterator[Change]:
    """Yield what a new journal must begin with, so that lines about later changes can refer to it."""
    for pool in store.pools:
        yield "pool", pool.pool.id
        for node in pool.nodes:
            yield "node", pool.pool.id, node.id
        for at in pool.samples:
            yield "sample", pool.pool.id, str(at)
    for schedule in store.schedules:
        yield "schedule", schedule.id
    for job in store.jobs:
        yield "job", job.job.id


def job_changes(record: StoredJob) -> Iterator[Change]:
    """Yield the parts of a job: everything about it but the job itself."""
    job_id = record.job.id
    for key in record.dependencies.satisfied:
        yield "satisfied", job_id, key
    for task_id in record.tasks.ids:
        yield "task", job_id, task_id
    for task_id in record.subtasks:
        yield "subtasks", job_id, task_id
    for node_id in record.node_statuses:
        yield "visit", job_id, node_id
