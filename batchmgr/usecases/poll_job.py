"""Poll one job: publish what has changed, and do what is due in its state.

The poller is also the safety net: it repeats whatever a lost message or a killed process has left undone.
"""

import logging
from datetime import timedelta

from msgspec.structs import replace

from batchmgr.errors import (
    JobNotFoundError,
    ServiceAccessError,
    ServiceBusyError,
    ServiceError,
    ServiceNotFoundError,
)
from batchmgr.model.active_job import ActiveJob
from batchmgr.model.batch_snapshots import BatchJob, TaskCounts, TaskSnapshot
from batchmgr.model.job_census import JobCensus
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.model.waiting_for import ObstacleKind
from batchmgr.model.webhook import settled_up_to
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.batch_job import has_ended
from batchmgr.steps.count_usage import observe_held_nodes
from batchmgr.steps.keep_plan import find_plan
from batchmgr.steps.next_look import SUBMISSION_TIMEOUT, next_look
from batchmgr.steps.observe_reports import observe_reports
from batchmgr.steps.observe_tasks import observe, read_from
from batchmgr.steps.obstacles import is_gone, overcome
from batchmgr.steps.outbox import catch_up, load, retry_on_conflict
from batchmgr.steps.plan_on_node import has_planned, is_lost
from batchmgr.steps.release_finalize_task import release_if_stuck, write_finalize_blob
from batchmgr.steps.tell_webhooks import look_after_webhooks
from batchmgr.steps.warn_of_signatures import warn_of_signatures
from batchmgr.steps.watch import watch, watch_planning
from batchmgr.steps.write_manifest import write_manifest
from batchmgr.usecases.accept import restore
from batchmgr.usecases.deliver import start_delivery
from batchmgr.usecases.finalize import MOST_ATTEMPTS

logger = logging.getLogger(__name__)

TRIGGER_TIMEOUT = timedelta(seconds=15)
"""How long the blob trigger has to take up a finalize blob before the poller sends a message for that."""


async def poll_active(ports: Ports, active: ActiveJob, census: JobCensus) -> None:
    """Poll a job of the index. One whose task counts have not changed costs one call, if nothing is due."""
    counts = None
    if active.state is JobState.RUNNING and not active.needs_look(ports.clock.now()):
        try:
            counts = await ports.batch.task_counts(active.job_id)
        except ServiceError as error:  # the record says whether that is new, and when to try again
            if isinstance(error, ServiceBusyError) and not isinstance(error, ServiceAccessError):
                raise
        if counts == active.counts:
            return
    record = await poll_job(ports, active.job_id, counts=counts, census=census, told=active.told)
    noted = ActiveJob(job_id=active.job_id, etag=active.etag)  # a job that may be over is looked at each time
    if record is not None:
        now = ports.clock.now()
        record = replace(record, webhooks=settled_up_to(record.webhooks, active.told))
        followed = active.followed_until if active.is_followed(now) else None
        noted = ActiveJob.of(
            record, None if followed else next_look(record, now), etag=active.etag, followed_until=followed
        )
    if noted != active:
        await ports.jobs.note_active(noted)


@retry_on_conflict
async def poll_job(
    ports: Ports,
    job_id: str,
    *,
    counts: TaskCounts | None = None,
    census: JobCensus | None = None,
    told: int = 0,
) -> JobRecord | None:
    """Poll one job, and do what is due in its state. Return its record, or None if it may be over.

    `counts` are the task counts, if they are known. The census sees the record as it was before. Up to the
    event `told`, its webhooks are known to be settled.
    """
    try:
        job = await load(ports, job_id)
    except JobNotFoundError:
        if not await restore(ports, job_id):
            await ports.jobs.deactivate(job_id)
        return None
    if census is not None:
        census.see(ActiveJob.of(job.value))
    now = ports.clock.now()
    if not job.value.state.is_final:
        job = await _with_webhooks_told(ports, job, told)
    if job.value.retry_at is not None and now < job.value.retry_at:
        return job.value
    state = job.value.state
    if job.value.is_finalized_elsewhere(now):
        return job.value
    if state is JobState.RUNNING or state.is_final:  # others work on the record of a job in another state
        job = await catch_up(ports, job)
    match state:
        case JobState.QUEUED | JobState.SUBMITTING:
            return await _resume_submission(ports, job)
        case JobState.RUNNING:
            return await _poll_running(ports, job, counts)
        case JobState.FINALIZING:
            await _have_finalized_if_idle(ports, job.value)
            return job.value
        case _:
            return await start_delivery(ports, job.value)


async def _with_webhooks_told(ports: Ports, job: Versioned[JobRecord], told: int) -> Versioned[JobRecord]:
    """Have the webhooks told that are behind. Whatever is wrong with them, the job goes on.

    What is known of them now is saved with the next change of the job.
    """
    try:
        return Versioned(value=await look_after_webhooks(ports, job.value, told), etag=job.etag)
    except Exception:
        logger.exception("job %s: the next poll looks after its webhooks", job.value.job_id)
        return job


async def _resume_submission(ports: Ports, job: Versioned[JobRecord]) -> JobRecord | None:
    now = ports.clock.now()
    if job.value.must_end:
        await _end(ports, job.value, "cancelled or given up")
        return None
    if job.value.is_claimed(now):
        return job.value
    if job.value.submission.awaits_tasks:
        if await is_lost(ports, job):
            await _end(ports, job.value, "it was lost before it was planned")
        elif await has_planned(ports, job.value):
            await ports.jobs.save(job.value.planned_on_node(now), job.etag)
            await ports.queue.enqueue_submission(job.value.job_id)
        else:
            await _end_if_given_up(ports, await watch_planning(ports, job))
        return None
    if job.value.is_idle_for(SUBMISSION_TIMEOUT, now):
        logger.warning("job %s is %s and idle: submitting it again", job.value.job_id, job.value.state)
        job = await ports.jobs.save(job.value.resubmitted(now), job.etag)
        await ports.queue.enqueue_submission(job.value.job_id)
    return job.value


async def _poll_running(
    ports: Ports, job: Versioned[JobRecord], counts: TaskCounts | None
) -> JobRecord | None:
    record = job.value
    try:
        if counts is None:
            counts = await ports.batch.task_counts(record.job_id)
        if counts != record.run.counts:
            # Those that wait to run are the most in a large job that has just begun.
            changed = ports.batch.list_tasks(record.job_id, since=read_from(record), without="active")
            job = await observe(ports, job, changed, counts)
        job = await observe_held_nodes(ports, job)
        if counts.running:
            job = await observe_reports(ports, job)
        if job.value.run.manifest_due and counts.completed >= record.run.total - 1:
            job = await _write_due_manifest(ports, job)
        if record.must_end or (counts.running == 0 and await _is_over(ports, job, counts)):
            await _end(ports, job.value, "all tasks are over, or can't run")
            return None
    except ServiceNotFoundError as error:
        if error.code != ObstacleKind.JOB_NOT_FOUND:
            raise
        if await is_gone(ports, record.job_id):
            await _end(ports, record, "the Batch job is gone")
        return None
    job = await warn_of_signatures(ports, await overcome(ports, job))
    job = await watch(ports, job, counts)
    await _end_if_given_up(ports, job)
    return None if job.value.must_end else job.value


async def _end_if_given_up(ports: Ports, job: Versioned[JobRecord]) -> None:
    if job.value.given_up is not None:
        await _end(ports, job.value, job.value.given_up.message)


async def _write_due_manifest(ports: Ports, job: Versioned[JobRecord]) -> Versioned[JobRecord]:
    """Write the manifest for the FinalizeTask, which is the only task left."""
    job_plan = await find_plan(ports, job.value)
    if job_plan is not None:
        tasks = [task async for task in ports.batch.list_tasks(job.value.job_id)]
        await write_manifest(ports, job.value, job_plan, tasks)
    return await ports.jobs.save(job.value.manifest_written(ports.clock.now()), job.etag)


async def _is_over(ports: Ports, job: Versioned[JobRecord], counts: TaskCounts) -> bool:
    record = job.value
    batch_job: BatchJob = await ports.batch.get_job(record.job_id)
    if batch_job.has_ended or counts.completed >= record.run.total:
        return True
    is_short = counts.active + counts.running + counts.completed < record.run.total
    if not (counts.active and (counts.failed or is_short)):
        return False
    tasks: list[TaskSnapshot] = [task async for task in ports.batch.list_tasks(record.job_id)]
    if has_ended(record, batch_job, tasks, ports.clock.now()):
        return True
    job_plan = await find_plan(ports, record) if counts.failed else None
    if job_plan is not None:
        await release_if_stuck(ports, job, job_plan, tasks)
    return False


async def _end(ports: Ports, record: JobRecord, reason: str) -> None:
    """Write the finalize blob, as the FinalizeTask would. If no trigger takes it up, a message will do."""
    await write_finalize_blob(ports, record.job_id, reason)
    await _have_finalized_if_idle(ports, record)


async def _have_finalized_if_idle(ports: Ports, record: JobRecord) -> None:
    """Have the job finalized by an invocation of its own, which may take longer than the turn of a job.

    If that fails, no message tries again: the next poll does.
    """
    if record.is_idle_for(TRIGGER_TIMEOUT, ports.clock.now()):
        await ports.queue.enqueue_finalize(record.job_id, MOST_ATTEMPTS, timedelta(0))
