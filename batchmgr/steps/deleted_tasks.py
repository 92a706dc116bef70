"""Which of a job's tasks somebody has deleted in Azure Batch.

Azure Batch forgets a deleted task. What the task's dependents wait for then never comes.
"""

import asyncio
import sys
from collections.abc import Sequence

from batchmgr.model.batch_snapshots import TaskSnapshot
from batchmgr.model.job_record import JobRecord
from batchmgr.plan.job_plan import JobPlan
from batchmgr.ports import Ports
from batchmgr.wire.events import TASK_SUCCEEDED

UNNAMED = "a task whose name is not known"


async def deleted_tasks(
    ports: Ports, record: JobRecord, plan: JobPlan | None, tasks: Sequence[TaskSnapshot]
) -> tuple[str, ...]:
    """Return the ids of the tasks that were deleted before they had succeeded, batchmgr's own among them.

    `tasks` are all that Azure Batch lists. Without a plan, only their number is known. The event log shows
    which tasks had succeeded; it is read only if tasks are missing.
    """
    number = record.run.total - len(tasks)
    if number <= 0:
        return ()
    listed = {task.task_id for task in tasks}
    log = await ports.events.read(record.job_id, 0, sys.maxsize)
    prefix = f"jobs/{record.job_id}/tasks/"
    succeeded = {event.subject.removeprefix(prefix) for event in log if event.type == TASK_SUCCEEDED}
    if plan is None:
        return (UNNAMED,) * (number - len(succeeded - listed))
    known = listed | succeeded
    # In a thread: the tasks may be many, and they are made or read while they are looked through.
    return await asyncio.to_thread(lambda: tuple(task.id for task in plan.all_tasks if task.id not in known))
