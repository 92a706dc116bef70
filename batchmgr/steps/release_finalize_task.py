"""Release: the FinalizeTask runs after failures too.

Azure Batch leaves tasks that wait for a failed one active for ever, and what waits for those with them. When
nothing else of a job can run any more, its FinalizeTask is put into the job anew, waiting for nothing.
"""

import logging
from dataclasses import replace

from batchmgr.model.job_record import JobRecord
from batchmgr.plan.job_plan import JobPlan
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.granting import grant

logger = logging.getLogger(__name__)


def released(plan: JobPlan) -> JobPlan:
    """The plan with a FinalizeTask that waits for nothing."""
    return replace(plan, finalize_task=replace(plan.finalize_task, depends_on=()))


async def release_finalize_task(ports: Ports, job: Versioned[JobRecord], plan: JobPlan) -> None:
    """Let the FinalizeTask run now. May be repeated until it runs."""
    record = job.value
    logger.info("nothing but the FinalizeTask of job %s can run any more: it is released", record.job_id)
    free = released(plan)
    grants = await grant(ports, free)
    # Azure Batch does not change the dependencies of a task that is there.
    await ports.batch.delete_task(record.job_id, free.finalize_task.id)
    await ports.batch.add_tasks(free, [free.finalize_task], grants)
    await ports.jobs.save(record.change(ports.clock.now(), finalize_released=True), job.etag)
