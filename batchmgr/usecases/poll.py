"""Poll every active job. A job that has not changed since the last poll costs one counts call.

The poller is also the safety net: it repeats whatever a lost message or a killed process has left undone.
"""

import asyncio
import logging
from datetime import timedelta
from functools import partial

from batchmgr.errors import JobNotFoundError, ServiceBusyError, ServiceNotFoundError
from batchmgr.model.batch_snapshots import BatchJob, TaskCounts, TaskSnapshot
from batchmgr.model.job_census import JobCensus
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.model.telemetry_names import POLL, POLL_DURATION, LogLine
from batchmgr.model.waiting_for import ObstacleKind
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.batch_job import has_ended
from batchmgr.steps.keep_plan import find_plan
from batchmgr.steps.observe_reports import observe_reports
from batchmgr.steps.observe_tasks import observe, read_from
from batchmgr.steps.obstacles import attempt, is_gone, overcome
from batchmgr.steps.outbox import catch_up, load, retry_on_conflict
from batchmgr.steps.plan_on_node import has_planned, is_lost
from batchmgr.steps.release_finalize_task import release_if_stuck, write_finalize_blob
from batchmgr.steps.warn_of_signatures import warn_of_signatures
from batchmgr.steps.watch import watch, watch_planning
from batchmgr.steps.write_manifest import write_manifest
from batchmgr.usecases.accept import restore
from batchmgr.usecases.deliver import deliver
from batchmgr.usecases.empty_poison import empty_poison_queues
from batchmgr.usecases.finalize import finalize

logger = logging.getLogger(__name__)

CONCURRENT_JOBS = 16
JOB_SECONDS = 60
"""How long the poll of one job may take."""

SUBMISSION_TIMEOUT = timedelta(seconds=30)
"""How long a queued or submitting job may be idle before the poller enqueues its submission again."""

TRIGGER_TIMEOUT = timedelta(seconds=15)
"""How long the blob trigger has to take up a finalize blob before the poller finalizes the job itself."""


async def poll(ports: Ports) -> None:
    """Poll every active job, 16 at a time, and empty the poison queues.

    An error with one job is logged, and does not stop the others.
    """
    begun, census = ports.clock.now(), JobCensus()
    with ports.telemetry.span(POLL):
        await _poll(ports, census)
    now = ports.clock.now()
    ports.telemetry.record(POLL_DURATION, (now - begun).total_seconds())
    for metric, value, attributes in census.measurements(now):
        ports.telemetry.record(metric, value, attributes)


async def _poll(ports: Ports, census: JobCensus) -> None:
    gate = asyncio.Semaphore(CONCURRENT_JOBS)

    async def guarded(job_id: str) -> None:
        async with gate:
            try:
                async with asyncio.timeout(JOB_SECONDS):
                    await attempt(ports, job_id, "poll", partial(poll_job, census=census))
            except ServiceBusyError as error:
                logger.warning(
                    "job %s could not be polled; the next poll tries again: %s",
                    job_id,
                    error,
                    extra=LogLine.POLL_FAILED.attributes,
                )
            except Exception:
                logger.exception(
                    "job %s could not be polled; the next poll tries again",
                    job_id,
                    extra=LogLine.POLL_FAILED.attributes,
                )

    # Listed first: if the listing failed half-way, the group would cancel the polls that have begun.
    job_ids = [job_id async for job_id in ports.jobs.active_ids()]
    async with asyncio.TaskGroup() as group:
        group.create_task(empty_poison_queues(ports))
        for job_id in job_ids:
            group.create_task(guarded(job_id))


@retry_on_conflict
async def poll_job(ports: Ports, job_id: str, *, census: JobCensus | None = None) -> None:
    """Poll one job, and do what is due in its state. The census sees its record as it was before."""
    try:
        job = await load(ports, job_id)
    except JobNotFoundError:
        if not await restore(ports, job_id):
            await ports.jobs.deactivate(job_id)
        return
    if census is not None:
        census.see(job.value)
    if job.value.retry_at is not None and ports.clock.now() < job.value.retry_at:
        return
    state = job.value.state
    if job.value.is_finalized_elsewhere(ports.clock.now()):
        return
    if state is JobState.RUNNING or state.is_final:  # others work on the record of a job in another state
        job = await catch_up(ports, job)
    match state:
        case JobState.QUEUED | JobState.SUBMITTING:
            await _resume_submission(ports, job)
        case JobState.RUNNING:
            await _poll_running(ports, job)
        case JobState.FINALIZING:
            if job.value.is_idle_for(TRIGGER_TIMEOUT, ports.clock.now()):
                await finalize(ports, job_id)
        case _:
            await deliver(ports, job_id)


async def _resume_submission(ports: Ports, job: Versioned[JobRecord]) -> None:
    now = ports.clock.now()
    if job.value.must_end:
        await _end(ports, job.value, "cancelled or given up")
    elif job.value.is_claimed(now):
        return
    elif job.value.submission.awaits_tasks:
        if await is_lost(ports, job):
            await _end(ports, job.value, "it was lost before it was planned")
        elif await has_planned(ports, job.value):
            await ports.jobs.save(job.value.planned_on_node(now), job.etag)
            await ports.queue.enqueue_submission(job.value.job_id)
        else:
            await _end_if_given_up(ports, await watch_planning(ports, job))
    elif job.value.is_idle_for(SUBMISSION_TIMEOUT, now):
        logger.warning("job %s is %s and idle: submitting it again", job.value.job_id, job.value.state)
        await ports.jobs.save(job.value.resubmitted(now), job.etag)
        await ports.queue.enqueue_submission(job.value.job_id)


async def _poll_running(ports: Ports, job: Versioned[JobRecord]) -> None:
    record = job.value
    try:
        counts = await ports.batch.task_counts(record.job_id)
        if counts != record.run.counts:
            tasks = [task async for task in ports.batch.list_tasks(record.job_id, since=read_from(record))]
            job = await observe(ports, job, tasks, counts)
        if counts.running:
            job = await observe_reports(ports, job)
        if job.value.run.manifest_due and counts.completed >= record.run.total - 1:
            job = await _write_due_manifest(ports, job)
        if record.must_end or (counts.running == 0 and await _is_over(ports, job, counts)):
            await _end(ports, job.value, "all tasks are over, or can't run")
            return
    except ServiceNotFoundError as error:
        if error.code != ObstacleKind.JOB_NOT_FOUND:
            raise
        if await is_gone(ports, record.job_id):
            await _end(ports, record, "the Batch job is gone")
        return
    job = await warn_of_signatures(ports, await overcome(ports, job))
    await _end_if_given_up(ports, await watch(ports, job, counts))


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
    """Write the finalize blob, as the FinalizeTask would. If no trigger takes it up, finalize here."""
    await write_finalize_blob(ports, record.job_id, reason)
    if record.is_idle_for(TRIGGER_TIMEOUT, ports.clock.now()):
        await finalize(ports, record.job_id)
