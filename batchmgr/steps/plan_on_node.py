"""Planning on a node: a job manager task plans the job's tasks, and batchmgr fetches them."""

import asyncio
import logging

from msgspec.structs import replace

from batchmgr.errors import InvalidJobError, ServiceError, ServiceNotFoundError
from batchmgr.model.batch_snapshots import TaskSnapshot
from batchmgr.model.job_outcome import WALL_CLOCK_EXPIRED
from batchmgr.model.job_record import JobRecord
from batchmgr.plan.job_plan import JOB_MANAGER_TASK_ID, PLANNED_TASKS_FILE
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.batch_job import find_own_job
from batchmgr.steps.diagnose import diagnose
from batchmgr.steps.obstacles import is_gone, overcome
from batchmgr.steps.plan_job import decode_tasks
from batchmgr.steps.read_node_files import read_planned_tasks
from batchmgr.wire.task_message import JobTasks

logger = logging.getLogger(__name__)

FIELD = "jobManagerTask"
"""The field of the job message to which errors on the node are attributed."""

REJECTED = "batchmgr: submission failed"
"""The terminate reason that batchmgr gives when it rejects a job that is in Azure Batch already."""

ENDS_BY_TASKS = frozenset({"", "TaskFailed", "AllTasksComplete", REJECTED})
"""Terminate reasons of a job that its own tasks have ended. While it is terminating, there is none yet.

A rejection may be repeated after the job was ended: the reason is then still what the task has done.
"""


async def has_planned(ports: Ports, record: JobRecord) -> bool:
    """Return whether the job manager task has ended, or can't run any more."""
    task = await _job_manager_task(ports, record)
    if task is not None and task.state == "completed":
        return True
    batch_job = await find_own_job(ports, record)
    return batch_job is not None and batch_job.has_ended


async def is_lost(ports: Ports, job: Versioned[JobRecord]) -> bool:
    """Return whether the Batch job was deleted, or has run out of time, before it was planned."""
    batch_job = await find_own_job(ports, job.value)
    if batch_job is None:
        return await is_gone(ports, job.value.job_id)
    await overcome(ports, job)
    return batch_job.terminate_reason == WALL_CLOCK_EXPIRED


async def planned_tasks(ports: Ports, record: JobRecord) -> JobTasks | None:
    """Return the tasks that the job manager task has planned; None while it is at work.

    Raise InvalidJobError if it has failed, or has left something that can't be used.
    """
    # The job is read before its task: if a failed task has ended the job, the task is known to have failed.
    batch_job = await find_own_job(ports, record)
    task = await _job_manager_task(ports, record)
    is_done = task is not None and task.state == "completed"
    if batch_job is not None and batch_job.has_ended:
        reason = batch_job.terminate_reason
        if not is_done or reason not in ENDS_BY_TASKS:
            how = reason or batch_job.state
            raise InvalidJobError(
                f"the Batch job ended ({how}) before its job manager task had planned it", field=FIELD
            )
    if task is None or not is_done:
        return None
    if task.has_failed:
        raise await _failure(ports, record, task)
    return await _planned_tasks(ports, record)


async def failed_job_manager(ports: Ports, record: JobRecord) -> TaskSnapshot | None:
    """Return the job manager task with the reason of its failure; None if none has failed."""
    try:
        if await find_own_job(ports, record) is None:
            return None
        task = await _job_manager_task(ports, record)
    except ServiceError as error:
        logger.warning("the job manager task of job %s can't be read: %s", record.job_id, error)
        return None
    if task is None or not task.has_failed:
        return None
    return replace(task, error=(await diagnose(ports, record, task)).error)


async def _failure(ports: Ports, record: JobRecord, task: TaskSnapshot) -> InvalidJobError:
    """Return why the job manager task failed: the workload's own error, if it found the job wrong."""
    error = (await diagnose(ports, record, task)).error
    if error is not None and error.type == InvalidJobError.__name__:
        return InvalidJobError(error.message.removeprefix(f"{error.field}: "), field=error.field)
    reason = error.message if error else f"exit code {task.exit_code}"
    return InvalidJobError(f"the job manager task failed: {reason}", field=FIELD)


async def _planned_tasks(ports: Ports, record: JobRecord) -> JobTasks:
    body = await read_planned_tasks(ports, record.job_id, field=FIELD)
    if body is None:
        raise InvalidJobError(
            f"the job manager task left no {PLANNED_TASKS_FILE} in its working directory: its command must "
            "be that of a workload, such as python3 -m my_workload job-manager",
            field=FIELD,
        )
    try:
        planned = await asyncio.to_thread(decode_tasks, body)
    except InvalidJobError as error:
        raise InvalidJobError(
            f"the {PLANNED_TASKS_FILE} that the job manager task left can't be used: {error}", field=FIELD
        ) from error
    if not planned.tasks:
        raise InvalidJobError("the job manager task planned a job without tasks", field="inputs")
    return planned


async def _job_manager_task(ports: Ports, record: JobRecord) -> TaskSnapshot | None:
    try:
        return await ports.batch.get_task(record.job_id, JOB_MANAGER_TASK_ID)
    except ServiceNotFoundError:
        return None
