"""What the lines of a journal tell.

A line is a JSON array: `["format", number]`, which is the first, and then `["pool", id, value]`,
`["node", pool id, id, value]`, `["sample", pool id, time, values]`, `["schedule", id, value]`,
`["job", id, value]`, `["task", job id, id, value]`, `["subtasks", job id, task id, [values]]`,
`["visit", job id, node id, value]`, `["satisfied", job id, [task ids]]`, or `["gone", kind, id, ...]`. The
last line about a thing holds. A task whose properties are as they were is written without its `spec`.
"""

from collections.abc import Iterator
from json import JSONEncoder
from typing import Any, Final

from fakebatch.model.task_entity import TaskEntity
from fakebatch.model.task_spec import as_dict
from fakebatch.persistence.json_codec import encode
from fakebatch.store import JobRecord, PoolRecord, Store

FORMAT: Final = 3
"""The format of the journals that this module describes."""

Change = tuple[str, ...]
"""A kind and ids: those of a line without its value; of `satisfied`, the id of one task."""

line: Final = JSONEncoder(separators=(",", ":"), check_circular=False).encode
"""Returns the text of a line."""


def telling(store: Store, change: Change, *, with_spec: bool) -> str | None:
    """Return the line that tells of a change; None where the thing is gone, as another line tells."""
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


def _value_of_pool(record: PoolRecord, kind: str, name: str) -> Any:
    match kind:
        case "pool":
            return encode(record.pool)
        case "node":
            return encode(record.nodes.get(name))
        case _:
            return record.samples.get(int(name))


def _value_of_job(record: JobRecord, kind: str, name: str, *, with_spec: bool) -> Any:
    match kind:
        case "job":
            return encode(record.job)
        case "subtasks":
            found = record.subtasks.get(name.lower())
            return None if found is None else encode(tuple(found))
        case "visit":
            return encode(record.visits.get(name))
        case _:
            task = record.tasks.get(name)
            return None if task is None else _task_value(task, with_spec=with_spec)


def _task_value(task: TaskEntity, *, with_spec: bool) -> dict[str, Any]:
    value: dict[str, Any] = encode(task, without="spec")
    return value | {"spec": as_dict(task.spec)} if with_spec else value


def few(store: Store) -> Iterator[Change]:
    """Yield what a journal begins with: what changes in it can be told from then on."""
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


def many(record: JobRecord) -> Iterator[Change]:
    """Yield what there is to tell of a job besides itself."""
    job_id = record.job.id
    for key in record.dependencies.satisfied:
        yield "satisfied", job_id, key
    for task_id in record.tasks.ids:
        yield "task", job_id, task_id
    for task_id in record.subtasks:
        yield "subtasks", job_id, task_id
    for node_id in record.visits:
        yield "visit", job_id, node_id
