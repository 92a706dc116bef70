"""What batchmgr does where the FinalizeTask cannot run by itself.

Azure Batch leaves a task that waits for a failed or deleted one active for ever, and every task that waits
for that one.
When nothing but the FinalizeTask is left, batchmgr deletes it and adds it again without dependencies. Where
it cannot run at all, batchmgr writes its finalize blob.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from batchmgr.model.batch_snapshots import TaskError, TaskSnapshot
from batchmgr.model.job_outcome import is_stuck
from batchmgr.model.job_record import JobRecord
from batchmgr.plan.finalize_task import finalize_message
from batchmgr.plan.job_plan import FINALIZE_TASK_ID, HOLD_TASK_ID, JobPlan, TaskPlan
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.plan_job import grant_access
from batchmgr.steps.write_manifest import write_manifest

logger = logging.getLogger(__name__)


def released(plan: JobPlan) -> JobPlan:
    """Return the plan with a FinalizeTask that waits for no other task."""
    return replace(plan, finalize_task=replace(plan.finalize_task, depends_on=()))


async def release_if_stuck(
    ports: Ports,
    job: Versioned[JobRecord],
    plan: JobPlan,
    tasks: Sequence[TaskSnapshot],
    deleted: Sequence[str] = (),
) -> Versioned[JobRecord]:
    """Let the FinalizeTask run if every task that has not run waits for a failed or deleted one.

    `tasks` are all tasks of the job, `deleted` those that were deleted before they had succeeded. May be
    repeated until the FinalizeTask runs.
    """
    known = released(plan) if job.value.run.finalize_released else plan
    if not await asyncio.to_thread(is_stuck, known, tasks, deleted):
        return job
    if job.value.run.manifest_due:
        gone = [_deleted_task(task_id, ports.clock.now()) for task_id in deleted]
        await write_manifest(ports, job.value, plan, [*tasks, *gone])
    return await _release(ports, job, plan, tasks)


async def _release(
    ports: Ports, job: Versioned[JobRecord], plan: JobPlan, tasks: Sequence[TaskSnapshot]
) -> Versioned[JobRecord]:
    record = job.value
    logger.info("only the FinalizeTask of job %s can still run: releasing it", record.job_id)
    free = released(plan)
    access = await grant_access(ports, free)
    # Azure Batch completes a job as soon as none of its tasks is left to run. It would do so between the two
    # calls that replace the FinalizeTask, if no other task were left.
    others = [task for task in tasks if task.task_id not in {FINALIZE_TASK_ID, HOLD_TASK_ID}]
    is_last = all(task.state == "completed" for task in others)
    if is_last:
        await ports.batch.add_tasks(free, [_hold(free.finalize_task)], access)
    # Azure Batch does not change the dependencies of an existing task.
    await ports.batch.delete_task(record.job_id, free.finalize_task.id)
    await ports.batch.add_tasks(free, [free.finalize_task], access)
    if is_last:
        await ports.batch.delete_task(record.job_id, HOLD_TASK_ID)
    return await ports.jobs.save(record.finalize_task_released(ports.clock.now()), job.etag)


def _deleted_task(task_id: str, now: datetime) -> TaskSnapshot:
    """Return what the manifest says of a task that was deleted."""
    error = TaskError(type="TaskDeleted", message="deleted in Azure Batch before it had succeeded")
    return TaskSnapshot(
        task_id=task_id, state="completed", state_transition_time=now, result="failure", error=error
    )


def _hold(finalize_task: TaskPlan) -> TaskPlan:
    """Return a task that waits for the FinalizeTask, and is deleted before that has run."""
    return TaskPlan(
        id=HOLD_TASK_ID,
        display_name="keeps the job open while its FinalizeTask is added again",
        command_line="/bin/sh -c :",
        container_settings=finalize_task.container_settings,
        depends_on=(finalize_task.id,),
    )


async def write_finalize_blob(ports: Ports, job_id: str, reason: str) -> None:
    """Write the finalize blob for a FinalizeTask that cannot, unless the blob exists."""
    await ports.finalize.write(job_id, finalize_message(job_id, written_by="batchmgr", reason=reason))
