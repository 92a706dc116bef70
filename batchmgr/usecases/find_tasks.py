"""Find tasks of a job, as Azure Batch has them now.

Azure Batch selects what it can. By node, kind and error, pages are selected here.
"""

from collections.abc import Sequence
from datetime import timedelta

from msgspec.structs import replace

from batchmgr.errors import ServiceNotFoundError
from batchmgr.model.batch_snapshots import TaskSnapshot
from batchmgr.model.job_record import JobRecord
from batchmgr.model.task_query import TaskQuery
from batchmgr.plan.ids import is_valid_id
from batchmgr.ports import Ports

MOST_CALLS = 10
"""How many pages of Azure Batch one answer looks through before it has enough tasks."""

LONGEST = timedelta(seconds=20)
"""How long an answer looks through pages, at most."""


async def find_tasks(
    ports: Ports, record: JobRecord, query: TaskQuery, limit: int, token: str = ""
) -> tuple[Sequence[TaskSnapshot], str]:
    """Return at most `limit` tasks of a job that is in Azure Batch, and the token of the next page, if any.

    A page may have fewer, even none, and still not be the last. Raise InvalidQueryError for a token that no
    page has had.
    """
    found: list[TaskSnapshot] = []
    begun = ports.clock.now()
    for _ in range(MOST_CALLS if query.is_selective else 1):
        room = limit - len(found)
        tasks, token = await ports.batch.task_page(record.job_id, query=query, limit=room, token=token)
        found += [task for task in _diagnosed(record, tasks) if query.matches(task)]
        if not token or len(found) == limit or ports.clock.now() - begun >= LONGEST:
            break
    return found, token


async def find_task(ports: Ports, record: JobRecord, task_id: str) -> TaskSnapshot:
    """Return one task. Raise ServiceNotFoundError if it does not exist."""
    if not is_valid_id(task_id):  # it becomes a part of a path
        raise ServiceNotFoundError("no task has such an id", status=404)
    [task] = _diagnosed(record, [await ports.batch.get_task(record.job_id, task_id)])
    return task


def _diagnosed(record: JobRecord, tasks: Sequence[TaskSnapshot]) -> list[TaskSnapshot]:
    """Return the tasks, with the errors of those whose files were read: Azure Batch knows only exit codes."""
    known = {task.task_id: task.error for task in record.run.failed_tasks}
    return [
        replace(task, error=known[task.task_id] or task.error)
        if task.has_failed and task.task_id in known
        else task
        for task in tasks
    ]
