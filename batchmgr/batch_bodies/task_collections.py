"""The bodies of add-task-collection requests: at most 100 tasks and 1 MB each."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from batchmgr.batch_bodies.kept_streams import KeptStreams
from batchmgr.batch_bodies.task_body import task_body
from batchmgr.errors import InvalidJobError
from batchmgr.model.container_access import StorageAccess
from batchmgr.plan.job_plan import TaskPlan

MAX_TASKS_PER_COLLECTION = 100
MAX_COLLECTION_BYTES = 1_000_000
_MAX_CONTENT = MAX_COLLECTION_BYTES - len(b'{"value":[]}') - 1


class TaskCollection(NamedTuple):
    """The body of one request, and how many of the tasks are in this one and those before it."""

    body: bytes
    end: int


def task_collections(
    tasks: Iterable[TaskPlan],
    access: StorageAccess,
    *,
    has_job_actions: bool = False,
    kept: KeptStreams | None = None,
) -> Iterator[TaskCollection]:
    """Yield the requests that add these tasks, in order. Each is made when it is asked for.

    Raise InvalidJobError for a task that is larger than a request may be.
    """
    return pack_collections(encode_tasks(tasks, access, has_job_actions=has_job_actions, kept=kept))


def encode_tasks(
    tasks: Iterable[TaskPlan],
    access: StorageAccess,
    *,
    has_job_actions: bool = False,
    kept: KeptStreams | None = None,
) -> Iterator[bytes]:
    """Yield the JSON of each task. Raise InvalidJobError for one that is larger than a request may be."""
    for index, task in enumerate(tasks):
        part = msgspec.json.encode(task_body(task, access, has_job_actions=has_job_actions, kept=kept))
        if len(part) > _MAX_CONTENT:
            raise InvalidJobError(
                f"task {task.id!r} is larger than the 1 MB that Azure Batch accepts: put data in blobs and "
                "name them in inputFiles",
                field=f"tasks[{index}]",
            )
        yield part


def pack_collections(encoded: Iterable[bytes]) -> Iterator[TaskCollection]:
    """Yield the requests that hold these tasks: as few as possible, without changing their order."""
    parts: list[bytes] = []
    size = end = 0
    for part in encoded:
        if len(parts) == MAX_TASKS_PER_COLLECTION or size + len(part) > _MAX_CONTENT:
            yield TaskCollection(_body(parts), end)
            parts, size = [], 0
        parts.append(part)
        size += len(part) + 1
        end += 1
    if parts:
        yield TaskCollection(_body(parts), end)


def _body(parts: list[bytes]) -> bytes:
    return b'{"value":[' + b",".join(parts) + b"]}"
