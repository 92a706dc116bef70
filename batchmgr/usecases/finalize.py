"""Finalize a job: decide its outcome, publish its last events, and hand it over to the delivery.

The finalize blob leads here. The job's FinalizeTask has written it, or the poller where that task could not
run.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta

from batchmgr.errors import JobNotFoundError, ServiceBusyError, ServiceError
from batchmgr.model.batch_snapshots import TaskSnapshot
from batchmgr.model.job_outcome import FINALIZED, count_tasks, decide_outcome, find_finalize_task
from batchmgr.model.job_record_parts import ResultFile
from batchmgr.model.job_states import JobState
from batchmgr.plan.job_plan import JobPlan
from batchmgr.ports import Ports
from batchmgr.steps.batch_job import has_ended, read_batch_job
from batchmgr.steps.deleted_tasks import deleted_tasks
from batchmgr.steps.observe_reports import observe_reports, task_results
from batchmgr.steps.observe_tasks import observe_end
from batchmgr.steps.obstacles import LONGEST_PAUSE, attempt, is_gone, pause_before
from batchmgr.steps.outbox import commit_state, load, retry_on_conflict
from batchmgr.steps.outcome_file import WholeOutcome, all_failed, with_outcome_file
from batchmgr.steps.plan_job import plan_again
from batchmgr.usecases.deliver import deliver

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 10
"""How often a failed attempt is followed by a message. After that the poller tries, each time it looks."""

TIME_LIMIT_SECONDS = 60


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


@retry_on_conflict
async def finalize(ports: Ports, job_id: str) -> None:
    """End a job whose tasks are over; do nothing for any other. May be repeated at any time."""
    try:
        job = await load(ports, job_id)
    except JobNotFoundError:
        logger.warning("a finalize blob names the unknown job %r", job_id)
        return
    record = job.value
    if record.state.is_final:
        await deliver(ports, record.job_id)
        return
    batch_job, tasks = await read_batch_job(ports, record)
    is_missing = batch_job is None and record.in_batch and not record.must_end
    if is_missing and not await is_gone(ports, job_id):
        return
    if not has_ended(record, batch_job, tasks):
        logger.info("job %s has not ended yet", job_id)
        return
    if record.state is JobState.SUBMITTING and not record.must_end and find_finalize_task(tasks):
        # The submitter has added the last task, and was killed before it could say so.
        job = await commit_state(ports, job, record.submitted(ports.clock.now()))
        record = job.value
    if record.state is not JobState.FINALIZING:
        job = await commit_state(ports, job, record.finalizing(ports.clock.now()))
    if batch_job is not None and not batch_job.has_ended:
        await ports.batch.terminate_job(record.job_id, FINALIZED)
    if tasks:
        job = await observe_end(ports, job, tasks, count_tasks(tasks))
    job = await observe_reports(ports, job)
    failed_now = {task.task_id for task in tasks if task.has_failed}
    failed = {task.task_id: task for task in job.value.run.failed_tasks if task.task_id in failed_now}
    job_plan = await plan_again(ports, record)
    outcome = decide_outcome(
        tasks,
        job=batch_job,
        is_cancelled=record.cancel_requested,
        details=failed,
        deleted=await deleted_tasks(ports, record, job_plan, tasks),
        given_up=record.given_up,
    )
    results = _result_files(ports, job_plan, tasks)
    outputs = await task_results(ports, job.value)
    ended = job.value.ended(
        ports.clock.now(),
        outcome.state,
        error=outcome.error,
        failed_tasks=tuple(failed.values()),
        results=results,
        task_results=outputs,
    )
    whole = WholeOutcome(failed_tasks=all_failed(tasks, failed), results=results, task_results=outputs)
    await commit_state(ports, job, await with_outcome_file(ports, ended, whole))
    await deliver(ports, record.job_id)


def _result_files(
    ports: Ports, job_plan: JobPlan | None, tasks: Sequence[TaskSnapshot]
) -> tuple[ResultFile, ...]:
    """Return the files that the FinalizeTask has written, or else those of the other tasks.

    Output files that are given as a pattern are left out: their names are not known.
    """
    if job_plan is None:
        return ()
    done = {task.task_id for task in tasks if task.has_succeeded}
    for group in ([job_plan.finalize_task], job_plan.tasks):
        files = [file for task in group if task.id in done for file in task.result_files]
        if files:
            break
    return tuple(
        ResultFile(name=file.blob_path, uri=ports.storage.blob_uri(file.need, file.blob_path))
        for file in files
    )
