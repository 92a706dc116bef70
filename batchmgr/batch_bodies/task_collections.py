"""Tasks in the portions that Azure Batch takes: at most 100 and 1 MB a request."""

from collections.abc import Iterable, Iterator

import msgspec

from batchmgr.batch_bodies.task_body import task_body
from batchmgr.errors import InvalidJobError
from batchmgr.model.container_access import StorageAccess
from batchmgr.plan.job_plan import TaskPlan

MAX_TASKS_PER_COLLECTION = 100
MAX_COLLECTION_BYTES = 1_000_000
_ROOM = MAX_COLLECTION_BYTES - len(b'{"value":[]}') - 1


def collections(
    tasks: Iterable[TaskPlan], access: StorageAccess, *, has_job_actions: bool = False
) -> Iterator[bytes]:
    """The JSON of add-task-collection requests, in the order of the tasks.

    Raises InvalidJobError for a task that is too large by itself.
    """
    return packed(encoded_tasks(tasks, access, has_job_actions=has_job_actions))


def encoded_tasks(
    tasks: Iterable[TaskPlan], access: StorageAccess, *, has_job_actions: bool = False
) -> Iterator[bytes]:
    """The JSON of each task. Raises InvalidJobError for one that is larger than a request may be."""
    for task in tasks:
        part = msgspec.json.encode(task_body(task, access, has_job_actions=has_job_actions))
        if len(part) > _ROOM:
            raise InvalidJobError(
                f"task {task.id!r} is larger than the 1 MB that Azure Batch takes", field="tasks"
            )
        yield part


def packed(encoded: Iterable[bytes]) -> Iterator[bytes]:
    """The JSON of requests that hold these tasks, as few as can be without changing the order."""
    parts: list[bytes] = []
    size = 0
    for part in encoded:
        if len(parts) == MAX_TASKS_PER_COLLECTION or size + len(part) > _ROOM:
            yield _collection(parts)
            parts, size = [], 0
        parts.append(part)
        size += len(part) + 1
    if parts:
        yield _collection(parts)


def _collection(parts: list[bytes]) -> bytes:
    return b'{"value":[' + b",".join(parts) + b"]}"
