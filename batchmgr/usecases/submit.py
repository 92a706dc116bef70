"""Submit a queued job: create its Batch job and add all its tasks.

A submission that was interrupted is repeated from the start: what exists already is kept.
"""

import logging
from datetime import timedelta

from batchmgr.errors import InvalidJobError, ServiceBusyError, ServiceConflictError, ServiceError
from batchmgr.model.container_access import StorageAccess
from batchmgr.model.job_record import FailedTask, JobError, JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.plan.job_plan import JobPlan
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.batch_job import find_own_job, terminate_own_job
from batchmgr.steps.expand_factory import expand
from batchmgr.steps.outbox import commit, commit_state, load, retry_on_conflict
from batchmgr.steps.plan_job import grant_access, plan
from batchmgr.steps.plan_on_node import REJECTED, failed_job_manager, keep_planned_tasks
from batchmgr.steps.release_finalize_task import write_finalize_blob
from batchmgr.usecases.deliver import deliver
from batchmgr.wire.events import job_event, planning_event, task_events, waiting_event
from batchmgr.wire.job_message import JobMessage

logger = logging.getLogger(__name__)

FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=5)
"""A busy service puts a submission off for 2 s, then twice as long each time, up to 5 minutes."""


@retry_on_conflict
async def submit(ports: Ports, job_id: str) -> None:
    """Bring a job into Azure Batch, unless it is there.

    If a service is busy or a quota is full, the job waits and is submitted again later. If Azure Batch will
    never accept the job, it is rejected, and its events and its callback say why.
    """
    job = await load(ports, job_id)
    is_under_way = job.value.state in {JobState.QUEUED, JobState.SUBMITTING}
    if job.value.cancel_requested:
        # The cancellation may have come while tasks were being added, before there was a Batch job to end.
        await terminate_own_job(ports, job.value, "batchmgr: cancelled")
        if is_under_way:
            await write_finalize_blob(ports, job.value.job_id, "cancelled")
    if job.value.cancel_requested or not is_under_way:
        return
    if job.value.state is JobState.QUEUED:
        job = await commit_state(ports, job, job.value.submitting(ports.clock.now()))
    try:
        message = await ports.jobs.load_request(job.value.job_id)
        message = await expand(ports, job.value.job_id, message)
        job_plan = await _submit_plan(ports, job.value, message)
    except ServiceBusyError as error:
        await _put_off(ports, job, error)
    except (InvalidJobError, ServiceError) as error:
        logger.warning("job %s is rejected: %s", job_id, error)
        await _reject(ports, job, error)
    else:
        if job_plan.awaits_tasks:
            await _await_tasks(ports, job)
        else:
            await _run(ports, job, job_plan)


async def _submit_plan(ports: Ports, record: JobRecord, message: JobMessage) -> JobPlan:
    """Create the Batch job and add its tasks. Return the plan; it awaits tasks if a node still plans them."""
    job_plan = await plan(ports, record.job_id, message, record.pool_id)
    if job_plan.job.pool_id:
        # Azure Batch accepts a job for a pool that does not exist. The job would then wait for ever.
        await ports.batch.require_pool(job_plan.job.pool_id)
    access = await grant_access(ports, job_plan)
    await _create(ports, job_plan, access, record)
    if job_plan.awaits_tasks:
        if not await keep_planned_tasks(ports, record):
            return job_plan
        job_plan = await plan(ports, record.job_id, message, record.pool_id)
        access = await grant_access(ports, job_plan)
    await _complete(ports, job_plan, access, record)
    return job_plan


async def _create(ports: Ports, job_plan: JobPlan, access: StorageAccess, record: JobRecord) -> None:
    try:
        await ports.batch.create_job(job_plan, access, record.digest)
    except ServiceConflictError as error:
        if error.code != "JobExists":
            raise
        if await find_own_job(ports, record) is None:
            raise InvalidJobError(
                "Azure Batch has a job of this id that batchmgr did not create: choose another jobId",
                field="jobId",
            ) from error


async def _complete(ports: Ports, job_plan: JobPlan, access: StorageAccess, record: JobRecord) -> None:
    try:
        await _add_tasks(ports, job_plan, access)
    except ServiceConflictError:
        own_job = await find_own_job(ports, record)
        if own_job is None or not own_job.has_ended:
            raise
        # An earlier attempt has added all tasks, or somebody has ended the job: finalize will find out.


async def _add_tasks(ports: Ports, job_plan: JobPlan, access: StorageAccess) -> None:
    await ports.batch.add_tasks(job_plan, job_plan.tasks, access)
    # A task is added after those it waits for: Azure Batch promises nothing about unknown dependencies.
    if job_plan.gathering_tasks:
        await ports.batch.add_tasks(job_plan, job_plan.gathering_tasks, access)
    await ports.batch.add_tasks(job_plan, [job_plan.finalize_task], access)
    await ports.batch.terminate_when_done(job_plan.job_id)


async def _run(ports: Ports, job: Versioned[JobRecord], job_plan: JobPlan) -> None:
    running = job.value.submitted(
        ports.clock.now(),
        total=job_plan.total,
        can_report=job_plan.can_report,
        manifest_due=job_plan.finalize_task.manifest_need is not None,
    )
    await commit_state(ports, job, running)


async def _await_tasks(ports: Ports, job: Versioned[JobRecord]) -> None:
    """Record that the job manager task plans the tasks. The poller submits the job again when it has."""
    if job.value.submission.awaits_tasks:
        return
    waiting = job.value.awaiting_tasks(ports.clock.now())
    await commit(ports, job, waiting, [planning_event(waiting)])


async def _put_off(ports: Ports, job: Versioned[JobRecord], error: ServiceBusyError) -> None:
    attempts = job.value.submission.attempts
    pause = max(error.retry_after or timedelta(0), min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempts, 8)))
    now = ports.clock.now()
    waiting = job.value.put_off(now, until=now + pause)
    logger.warning("job %s is submitted again in %s: %s", waiting.job_id, pause, error)
    await commit(ports, job, waiting, [waiting_event(waiting, str(error), error.code)])
    await ports.queue.enqueue_submission(waiting.job_id, pause)


async def _reject(ports: Ports, job: Versioned[JobRecord], error: InvalidJobError | ServiceError) -> None:
    manager = await failed_job_manager(ports, job.value)
    # If Azure Batch has accepted a part of the job, that part must neither run nor count for the quota.
    await terminate_own_job(ports, job.value, REJECTED)
    field = error.field if isinstance(error, InvalidJobError) else ""
    code = "InvalidJob" if isinstance(error, InvalidJobError) else error.code or "SubmissionFailed"
    reason = JobError(code=code, message=str(error), field=field)
    failed = [] if manager is None else [manager]
    ended = job.value.ended(
        ports.clock.now(), JobState.REJECTED, error=reason, failed_tasks=tuple(map(FailedTask.of, failed))
    )
    events = [event for task in failed for event in task_events(ended.job_id, task)]
    await commit(ports, job, ended, [*events, job_event(ended)])
    await deliver(ports, job.value.job_id)
