"""Finalize a job: decide its outcome, publish its last events, and hand it over to the delivery.

The finalize blob leads here. The job's FinalizeTask has written it, or the poller where that task could not
run.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta

from batchmgr.errors import JobNotFoundError, ServiceBusyError, ServiceError, ServiceNotFoundError
from batchmgr.model.batch_snapshots import BatchJob, TaskSnapshot
from batchmgr.model.failure_groups import FailureGroup
from batchmgr.model.job_outcome import (
    FINALIZED,
    JobOutcome,
    decide_outcome,
    end_reason,
    find_finalize_task,
)
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import Claim
from batchmgr.model.job_states import JobState
from batchmgr.model.task_ends import TaskEnds
from batchmgr.model.telemetry_names import FINALIZE
from batchmgr.model.usage import Usage
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.batch_job import await_end, has_ended
from batchmgr.steps.claim import new_holder, release
from batchmgr.steps.command_results import command_results
from batchmgr.steps.count_usage import final_usage
from batchmgr.steps.deleted_tasks import deleted_tasks
from batchmgr.steps.earlier_tasks import with_earlier_results
from batchmgr.steps.group_failures import group_failed_tasks
from batchmgr.steps.keep_plan import find_plan
from batchmgr.steps.known_job import KnownJob
from batchmgr.steps.line import leave
from batchmgr.steps.list_results import list_results, lost_results
from batchmgr.steps.observe_reports import observe_reports, task_results
from batchmgr.steps.observe_tasks import observe_end, observe_rest
from batchmgr.steps.obstacles import LONGEST_PAUSE, attempt, is_gone, pause_before
from batchmgr.steps.outbox import catch_up, commit_state, retry_on_conflict
from batchmgr.steps.outcome_file import WholeOutcome, all_failed, with_outcome_file
from batchmgr.usecases.deliver import start_delivery
from batchmgr.usecases.let_in import filling_the_place
from batchmgr.usecases.read_timeline import read_timeline

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 10
"""How often a failed attempt is followed by a message. After that the poller tries, each time it looks."""

READ_AT_ONCE = 1000
"""How many tasks one call lists: of a job with no more, all are read."""

LOOK_LIMIT = timedelta(seconds=10)
"""How long the files of failed tasks are looked at, so that the outcome groups them."""

TIME_LIMIT_SECONDS = 60
"""How long one finalization may take, and how long its claim on the job lasts."""


async def finalize_or_retry(ports: Ports, job_id: str, attempts: int = 0) -> None:
    """Finalize a job. If that fails or takes too long, have it tried again after a pause; raise nothing.

    The blob trigger would make all its attempts within a second. `attempts` is how often it has failed.
    """
    pause = pause_before(attempts + 2)
    try:
        async with asyncio.timeout(TIME_LIMIT_SECONDS):
            if await attempt(ports, job_id, "finalize", finalize):
                return
    except ServiceBusyError as error:
        pause = max(pause, min(error.retry_after or timedelta(0), LONGEST_PAUSE))
        logger.warning("job %s is finalized again in %s: %s", job_id, pause, error)
    except Exception:
        logger.exception("job %s could not be finalized; tried again in %s", job_id, pause)
    if attempts < MOST_ATTEMPTS:
        try:
            await ports.queue.enqueue_finalize(job_id, attempts + 1, pause)
        except ServiceError as error:
            logger.warning("job %s is left to the poller: %s", job_id, error)


async def finalize(ports: Ports, job_id: str) -> None:
    """End a job whose tasks are over, unless another process is at it; do nothing for any other job.

    May be repeated at any time.
    """
    holder = new_holder(ports)
    try:
        await _finalize(ports, job_id, holder)
    except (Exception, asyncio.CancelledError):
        await release(ports, job_id, holder)
        raise


@retry_on_conflict
async def _finalize(ports: Ports, job_id: str, holder: str) -> None:
    job = await _to_finalize(ports, job_id, holder, KnownJob())
    if job is None:
        return
    record = job.value
    with ports.telemetry.span(FINALIZE, job_id=record.job_id, traceparent=record.traceparent):
        async with filling_the_place(ports, record) as filling:
            if not await _conclude_if_over(ports, job, holder):
                logger.info("job %s has not ended yet", job_id)
                filling.cancel()
                await release(ports, job_id, holder)


async def _conclude_if_over(ports: Ports, job: Versioned[JobRecord], holder: str) -> bool:
    """Conclude a job that has ended. Return whether it has."""
    record = job.value
    batch_job, may_be_over = await _await_end(ports, record)
    if not may_be_over:
        return False
    if record.state in {JobState.RUNNING, JobState.FINALIZING}:
        # Before all tasks are read: the poller need not read them as well.
        job = await _claim(ports, job, holder)
    try:
        # The tasks are read after the job: once the job is over, they no longer change.
        ends, job = await _read_tasks(ports, job) if batch_job is not None else (TaskEnds(), job)
    except ServiceNotFoundError:
        batch_job, ends = None, TaskEnds()
    is_missing = batch_job is None and record.in_batch and not record.must_end
    if is_missing and not await is_gone(ports, record.job_id):
        return False
    is_over = ends.all_succeeded or has_ended(record, batch_job, ends.listed, ports.clock.now())
    if is_over:
        await _conclude(ports, record.job_id, holder, batch_job, ends, KnownJob(job=job))
    return is_over


async def _to_finalize(
    ports: Ports, job_id: str, holder: str, known: KnownJob
) -> Versioned[JobRecord] | None:
    """Return the job, unless it has ended or another process finalizes it."""
    try:
        job = await known.load(ports, job_id)
    except JobNotFoundError:
        logger.warning("a finalize blob names the unknown job %r", job_id)
        return None
    if job.value.state.is_final:
        await start_delivery(ports, job.value)
        return None
    if job.value.is_finalized_elsewhere(ports.clock.now(), holder):
        logger.info("job %s is being finalized by another process", job_id)
        return None
    return job


@retry_on_conflict
async def _conclude(
    ports: Ports, job_id: str, holder: str, batch_job: BatchJob | None, ends: TaskEnds, known: KnownJob
) -> None:
    """Claim a job that has ended, tell what is still to be told of its tasks, and call back.

    The poller may save the record meanwhile. Then this is repeated, but the tasks are not read again: they no
    longer change.
    """
    job = await _to_finalize(ports, job_id, holder, known)
    if job is None:
        return
    record, now = job.value, ports.clock.now()
    if record.state is JobState.SUBMITTING and not record.must_end and find_finalize_task(ends.listed):
        # The submitter has added the last task, and was killed before it could say so.
        job = await commit_state(ports, job, record.submitted(now))
    job = await _claim(ports, job, holder)
    if batch_job is not None and not batch_job.has_ended:
        await ports.batch.terminate_job(job_id, FINALIZED)
    await leave(ports, job.value)
    if ends.all_succeeded or ends.listed:
        job = await observe_end(ports, job, ends)
    job = await observe_reports(ports, job, None if ends.all_succeeded else ends.listed)
    if job.value.state is not JobState.FINALIZING:
        job = await commit_state(ports, job, job.value.finalizing(ports.clock.now()))
    job = await _end(ports, job, batch_job, ends)
    await start_delivery(ports, job.value)
    if job.value.unsent is not None:
        job = await catch_up(ports, job)
        await start_delivery(ports, job.value)  # it may have waited for this to close the job


async def _claim(ports: Ports, job: Versioned[JobRecord], holder: str) -> Versioned[JobRecord]:
    """Claim a job for its finalization, unless `holder` has done so."""
    record, now = job.value, ports.clock.now()
    if record.claim is not None and record.claim.holder == holder:
        return job
    claim = Claim(holder=holder, until=now + timedelta(seconds=TIME_LIMIT_SECONDS))
    job = await ports.jobs.save(record.claimed(now, claim), job.etag)
    await ports.jobs.activate(record.job_id)  # if this process dies, the next poll sees it
    return job


async def _end(
    ports: Ports, job: Versioned[JobRecord], batch_job: BatchJob | None, ends: TaskEnds
) -> Versioned[JobRecord]:
    """Record how the job has ended, and what it has left."""
    record, tasks = job.value, ends.listed
    job_plan = await find_plan(ports, record)
    failed_now = {task.task_id for task in tasks if task.has_failed}
    details = {task.task_id: task for task in record.run.failed_tasks if task.task_id in failed_now}
    if ends.all_succeeded and not record.cancel_requested:
        outcome = JobOutcome(state=JobState.SUCCEEDED)
    else:
        outcome = decide_outcome(
            tasks,
            job=batch_job,
            is_cancelled=record.cancel_requested,
            details=details,
            deleted=await deleted_tasks(ports, record, job_plan, tasks),
            given_up=record.given_up,
            lost_results=await lost_results(ports, job_plan, tasks),
        )
    # In a job that has succeeded, only a FinalizeTask may have failed, which nobody missed.
    has_succeeded = outcome.state is JobState.SUCCEEDED
    results = await list_results(ports, job_plan, ends) if job_plan is not None else ()
    outputs = await task_results(ports, record)
    if job_plan is not None:
        outputs += await command_results(ports, job_plan, ends, outputs)
    results, outputs = await with_earlier_results(ports, job_plan, results, outputs)
    groups = () if has_succeeded else await _failure_groups(ports, record, tasks)
    ended = record.with_usage(await _usage(ports, record)).ended(
        ports.clock.now(),
        outcome.state,
        error=outcome.error,
        failed_tasks=() if has_succeeded else tuple(details.values()),
        failure_groups=groups,
        results=results,
        task_results=outputs,
    )
    failed = () if has_succeeded else all_failed(tasks, details)
    whole = WholeOutcome(failed_tasks=failed, results=results, task_results=outputs)
    return await commit_state(ports, job, await with_outcome_file(ports, ended, whole))


async def _failure_groups(
    ports: Ports, record: JobRecord, tasks: Sequence[TaskSnapshot]
) -> tuple[FailureGroup, ...]:
    """Return the groups of the failed tasks. A job that must end does not wait until they are looked at."""
    limit = timedelta(0) if record.must_end else LOOK_LIMIT
    return (await group_failed_tasks(ports, record, tasks, limit, is_over=True)).groups


async def _usage(ports: Ports, record: JobRecord) -> Usage:
    """Return what the tasks of a job have used. Only if attempts were lost, its log is read for them."""
    usage = await final_usage(ports, record)
    if not any(kind.lost_attempts for kind in usage.kinds.values()):
        return usage
    try:
        timeline = await read_timeline(ports, record)
    except ServiceError as error:
        logger.warning("job %s: the lost attempts of its tasks are not measured: %s", record.job_id, error)
        return usage
    return usage.with_lost_runs(
        (timeline.kinds[timeline.kind[run.task]], run.end - run.start) for run in timeline.lost_runs()
    )


async def _await_end(ports: Ports, record: JobRecord) -> tuple[BatchJob | None, bool]:
    """Return the Batch job, and whether it may have ended. End it first if it must end and is active."""
    batch_job, may_be_over = await await_end(ports, record)
    if record.must_end and batch_job is not None and not batch_job.has_ended:
        await ports.batch.terminate_job(record.job_id, end_reason(record))
        batch_job, may_be_over = await await_end(ports, record)
    return batch_job, may_be_over


async def _read_tasks(ports: Ports, job: Versioned[JobRecord]) -> tuple[TaskEnds, Versioned[JobRecord]]:
    """Return how the tasks have ended, and the job as it was saved last.

    Of many tasks, only those are read that no poll has seen, if possible. What polls have seen is enough if
    as many tasks have succeeded as the job has, none has failed, and none is left that could still do so.
    Whatever else may be: all tasks are read then.
    """
    job_id, record = job.value.job_id, job.value
    is_large = record.run.total > READ_AT_ONCE and record.state is not JobState.SUBMITTING
    if is_large and not record.must_end:
        job = await observe_rest(ports, job)
        if job.value.run.all_were_seen_to_succeed and not await _is_any_left(ports, job_id):
            return TaskEnds(all_succeeded=True), job
    return TaskEnds(listed=[task async for task in ports.batch.list_tasks(job_id)]), job


async def _is_any_left(ports: Ports, job_id: str) -> bool:
    """Return whether a task is not completed: one that somebody has added to the job, for example."""
    return await anext(ports.batch.list_tasks(job_id, without="completed"), None) is not None
