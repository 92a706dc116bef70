"""Submit: a queued job becomes a Batch job with all its tasks, resumed where an earlier attempt stopped."""

import logging
from datetime import timedelta

from batchmgr.batch_bodies.files import Grants
from batchmgr.errors import InvalidJobError, ServiceBusyError, ServiceConflictError, ServiceError
from batchmgr.model.job_record import JobError, JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.plan.job_plan import JobPlan
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.batch_job import find_own_job, terminate_own_job
from batchmgr.steps.expand_factory import expand
from batchmgr.steps.granting import grant
from batchmgr.steps.outbox import commit, load, transition
from batchmgr.steps.plan_job import plan
from batchmgr.steps.plan_on_node import keep_planned_tasks
from batchmgr.steps.repetition import repeat_when_changed
from batchmgr.steps.settle import conclude
from batchmgr.usecases.finalize import raise_finalize
from batchmgr.wire.events import planning_event, waiting_event

logger = logging.getLogger(__name__)

FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=5)


@repeat_when_changed
async def submit(ports: Ports, job_id: str) -> None:
    """Bring a job into Azure Batch, unless that is done. A busy service puts it off; it is never dropped.

    What Azure Batch will never take rejects the job, and says why in its events and callback.
    """
    job = await load(ports, job_id)
    is_under_way = job.value.state in {JobState.QUEUED, JobState.SUBMITTING}
    if job.value.cancel_requested:
        # Perhaps while its tasks were being added, after others had looked for it in Azure Batch in vain.
        await terminate_own_job(ports, job.value, "batchmgr: cancelled")
        if is_under_way:
            await raise_finalize(ports, job.value.job_id, "cancelled")
    if job.value.cancel_requested or not is_under_way:
        return
    if job.value.state is JobState.QUEUED:
        job = await transition(ports, job, JobState.SUBMITTING)
    try:
        message = await ports.jobs.load_request(job.value.job_id)
        message = await expand(ports, job.value.job_id, message)
        job_plan = await plan(ports, job.value.job_id, message, job.value.pool_id)
        if job_plan.job.pool_id:
            # Azure Batch takes a job for a pool that isn't there, and lets it wait without a word.
            await ports.batch.require_pool(job_plan.job.pool_id)
        grants = await grant(ports, job_plan)
        await _create(ports, job_plan, grants, job.value)
        if job_plan.awaits_tasks:
            if not await keep_planned_tasks(ports, job.value):
                await _await_tasks(ports, job)
                return
            job_plan = await plan(ports, job.value.job_id, message, job.value.pool_id)
            grants = await grant(ports, job_plan)
        await _complete(ports, job_plan, grants, job.value)
    except ServiceBusyError as error:
        await _put_off(ports, job, error)
    except (InvalidJobError, ServiceError) as error:
        logger.warning("job %s is rejected: %s", job_id, error)
        await _reject(ports, job, error)
    else:
        changes = {"in_batch": True, "awaits_tasks": False, "attempts": 0, "retry_at": None}
        changes |= {"total": job_plan.total, "can_report": job_plan.can_report}
        changes["owes_manifest"] = job_plan.finalize_task.manifest_need is not None
        await transition(ports, job, JobState.RUNNING, **changes)


async def _await_tasks(ports: Ports, job: Versioned[JobRecord]) -> None:
    """The job is in Batch, and its job manager task is at work: the poller looks after it."""
    if job.value.awaits_tasks:
        return
    waiting = job.value.change(ports.clock.now(), in_batch=True, awaits_tasks=True)
    await commit(ports, job, waiting, [planning_event(waiting)])


async def _create(ports: Ports, job_plan: JobPlan, grants: Grants, record: JobRecord) -> None:
    try:
        await ports.batch.create_job(job_plan, grants, record.digest)
    except ServiceConflictError as error:
        if error.code != "JobExists":
            raise
        if await find_own_job(ports, record) is None:
            raise InvalidJobError(
                "Azure Batch has another job of this id, made elsewhere; choose another jobId", field="jobId"
            ) from error


async def _complete(ports: Ports, job_plan: JobPlan, grants: Grants, record: JobRecord) -> None:
    try:
        await _add_tasks(ports, job_plan, grants)
    except ServiceConflictError:
        own_job = await find_own_job(ports, record)
        if own_job is None or not own_job.is_over:
            raise
        # An earlier attempt brought everything in, or somebody ended the job: finalization will tell.


async def _add_tasks(ports: Ports, job_plan: JobPlan, grants: Grants) -> None:
    await ports.batch.add_tasks(job_plan, job_plan.tasks, grants)
    # Last, when all it waits for is there: what Azure Batch does with unknown dependencies is not promised.
    if job_plan.gathering_tasks:
        await ports.batch.add_tasks(job_plan, job_plan.gathering_tasks, grants)
    await ports.batch.add_tasks(job_plan, [job_plan.finalize_task], grants)
    await ports.batch.terminate_when_done(job_plan.job_id)


async def _put_off(ports: Ports, job: Versioned[JobRecord], error: ServiceBusyError) -> None:
    attempts = job.value.attempts + 1
    pause = max(
        error.retry_after or timedelta(0), min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempts - 1, 8))
    )
    now = ports.clock.now()
    waiting = job.value.change(now, attempts=attempts, retry_at=now + pause)
    logger.warning("job %s waits %s: %s", waiting.job_id, pause, error)
    await commit(ports, job, waiting, [waiting_event(waiting, str(error), error.code)])
    await ports.queue.request_submission(waiting.job_id, pause)


async def _reject(ports: Ports, job: Versioned[JobRecord], error: InvalidJobError | ServiceError) -> None:
    # A job that Azure Batch took in part must not keep running, nor hold a place in the quota.
    await terminate_own_job(ports, job.value, "batchmgr: submission failed")
    field = error.field if isinstance(error, InvalidJobError) else ""
    code = "InvalidJob" if isinstance(error, InvalidJobError) else error.code or "SubmissionFailed"
    reason = JobError(code=code, message=str(error), field=field)
    await conclude(ports, job, JobState.REJECTED, error=reason)
