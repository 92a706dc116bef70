"""What batchmgr does where the FinalizeTask cannot run by itself.

Azure Batch leaves a task that waits for a failed one active for ever, and every task that waits for that one.
When nothing but the FinalizeTask is left, batchmgr deletes it and adds it again without dependencies. Where
it cannot run at all, batchmgr writes its finalize blob.
"""

import logging
from dataclasses import replace

from batchmgr.model.job_record import JobRecord
from batchmgr.plan.finalize_task import finalize_message
from batchmgr.plan.job_plan import JobPlan
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.plan_job import grant_access

logger = logging.getLogger(__name__)


def released(plan: JobPlan) -> JobPlan:
    """Return the plan with a FinalizeTask that waits for no other task."""
    return replace(plan, finalize_task=replace(plan.finalize_task, depends_on=()))


async def release_finalize_task(ports: Ports, job: Versioned[JobRecord], plan: JobPlan) -> None:
    """Let the FinalizeTask run now. May be repeated until it runs."""
    record = job.value
    logger.info("only the FinalizeTask of job %s can still run: releasing it", record.job_id)
    free = released(plan)
    access = await grant_access(ports, free)
    # Azure Batch does not change the dependencies of an existing task.
    await ports.batch.delete_task(record.job_id, free.finalize_task.id)
    await ports.batch.add_tasks(free, [free.finalize_task], access)
    await ports.jobs.save(record.finalize_task_released(ports.clock.now()), job.etag)


async def write_finalize_blob(ports: Ports, job_id: str, reason: str) -> None:
    """Write the finalize blob for a FinalizeTask that cannot, unless the blob exists."""
    await ports.finalize.write(job_id, finalize_message(job_id, written_by="batchmgr", reason=reason))
