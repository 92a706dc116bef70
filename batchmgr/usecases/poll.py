"""Poll: every active job is looked at. One counts call for a job where nothing has changed.

The poller is also the safety net: whatever a lost message or a killed process left undone, it does again.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta

from batchmgr.errors import JobNotFoundError, ServiceNotFoundError
from batchmgr.model.batch_snapshots import BatchJob, TaskCounts, TaskSnapshot
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.model.outcome import is_stuck
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.observe_reports import observe_reports
from batchmgr.steps.observe_tasks import observe, read_from
from batchmgr.steps.outbox import load
from batchmgr.steps.plan_on_node import has_planned, is_lost
from batchmgr.steps.release_finalize_task import release_finalize_task, released
from batchmgr.steps.repetition import repeat_when_changed
from batchmgr.steps.settle import settle
from batchmgr.steps.write_manifest import write_manifest
from batchmgr.usecases.accept import restore
from batchmgr.usecases.finalize import finalize, is_at_end, plan_again, raise_finalize

logger = logging.getLogger(__name__)

CONCURRENT_JOBS = 16
SUBMISSION_PATIENCE = timedelta(seconds=30)
"""How long a queued or submitting job may be quiet before it is sent to submission again."""

TRIGGER_PATIENCE = timedelta(seconds=15)
"""How long the blob trigger has to take up a finalize blob before the poller finalizes by itself."""


async def poll(ports: Ports) -> None:
    """Look at every active job. What goes wrong with one is logged and costs the others nothing."""
    gate = asyncio.Semaphore(CONCURRENT_JOBS)

    async def guarded(job_id: str) -> None:
        async with gate:
            try:
                await poll_job(ports, job_id)
            except Exception:
                logger.exception("job %s could not be polled; the next round tries again", job_id)

    async with asyncio.TaskGroup() as group:
        async for job_id in ports.jobs.active_ids():
            group.create_task(guarded(job_id))


@repeat_when_changed
async def poll_job(ports: Ports, job_id: str) -> None:
    """Look at one job, and do what is due."""
    try:
        job = await load(ports, job_id)
    except JobNotFoundError:
        if await restore(ports, job_id) is None:
            await ports.jobs.retire(job_id)
        return
    match job.value.state:
        case JobState.QUEUED | JobState.SUBMITTING:
            await _resume_submission(ports, job)
        case JobState.RUNNING:
            await _poll_running(ports, job)
        case JobState.FINALIZING:
            if job.value.is_quiet_for(TRIGGER_PATIENCE, ports.clock.now()):
                await finalize(ports, job_id)
        case _:
            await settle(ports, job)


async def _resume_submission(ports: Ports, job: Versioned[JobRecord]) -> None:
    now = ports.clock.now()
    if job.value.cancel_requested:
        await _end(ports, job.value, "cancelled")
    elif job.value.awaits_tasks:
        if not await has_planned(ports, job.value):
            return
        if await is_lost(ports, job.value):
            await _end(ports, job.value, "it was lost before it was planned")
        else:
            await ports.jobs.save(job.value.change(now, awaits_tasks=False), job.etag)
            await ports.queue.request_submission(job.value.job_id)
    elif job.value.is_quiet_for(SUBMISSION_PATIENCE, now):
        logger.warning("job %s has been quiet while %s: submitting again", job.value.job_id, job.value.state)
        await ports.jobs.save(job.value.change(now, retry_at=None), job.etag)
        await ports.queue.request_submission(job.value.job_id)


async def _poll_running(ports: Ports, job: Versioned[JobRecord]) -> None:
    record = job.value
    try:
        counts = await ports.batch.task_counts(record.job_id)
        if counts != record.counts:
            tasks = [task async for task in ports.batch.list_tasks(record.job_id, since=read_from(record))]
            job = await observe(ports, job, tasks, counts)
        if counts.running:
            job = await observe_reports(ports, job)
        if job.value.owes_manifest and counts.completed >= record.total - 1:
            job = await _tell_finalize_task(ports, job)
        if record.cancel_requested or (counts.running == 0 and await _has_ended(ports, job, counts)):
            await _end(ports, job.value, "all tasks are over, or can't run")
    except ServiceNotFoundError:
        await _end(ports, record, "the Batch job is gone")


async def _tell_finalize_task(ports: Ports, job: Versioned[JobRecord]) -> Versioned[JobRecord]:
    """Leave the manifest for the FinalizeTask, the only task that is left."""
    job_plan = await plan_again(ports, job.value)
    if job_plan is not None:
        tasks = [task async for task in ports.batch.list_tasks(job.value.job_id)]
        await write_manifest(ports, job.value, job_plan, tasks)
    return await ports.jobs.save(job.value.change(ports.clock.now(), owes_manifest=False), job.etag)


async def _has_ended(ports: Ports, job: Versioned[JobRecord], counts: TaskCounts) -> bool:
    record = job.value
    batch_job: BatchJob = await ports.batch.get_job(record.job_id)
    if batch_job.is_over or counts.completed >= record.total:
        return True
    if not (counts.failed and counts.active):
        return False
    tasks: list[TaskSnapshot] = [task async for task in ports.batch.list_tasks(record.job_id)]
    if is_at_end(record, batch_job, tasks):
        return True
    await _release_if_stuck(ports, job, tasks)
    return False


async def _release_if_stuck(ports: Ports, job: Versioned[JobRecord], tasks: Sequence[TaskSnapshot]) -> None:
    """Let the FinalizeTask run where every other task that has not run waits for a failed one."""
    job_plan = await plan_again(ports, job.value)
    if job_plan is None:
        return
    known = released(job_plan) if job.value.finalize_released else job_plan
    if is_stuck(known, tasks):
        if job.value.owes_manifest:
            await write_manifest(ports, job.value, job_plan, tasks)
        await release_finalize_task(ports, job, job_plan)


async def _end(ports: Ports, record: JobRecord, reason: str) -> None:
    """Signal the end as the FinalizeTask would; if nobody takes the signal up, act on it here."""
    await raise_finalize(ports, record.job_id, reason)
    if record.is_quiet_for(TRIGGER_PATIENCE, ports.clock.now()):
        await finalize(ports, record.job_id)
