"""Finalize a job: decide its outcome, publish its last events, and hand it over to the delivery.

The finalize blob leads here. The job's FinalizeTask has written it, or the poller where that task could not
run.
"""

import logging

from batchmgr.errors import JobNotFoundError
from batchmgr.model.batch_snapshots import BatchJob, TaskSnapshot
from batchmgr.model.job_outcome import CANCELLED, FINALIZED, count_tasks, decide_outcome
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.ports import Ports
from batchmgr.steps.batch_job import has_ended, read_batch_job
from batchmgr.steps.list_results import list_results, lost_results
from batchmgr.steps.observe_reports import observe_reports, task_results
from batchmgr.steps.observe_tasks import observe_end
from batchmgr.steps.outbox import commit_state, load, retry_on_conflict
from batchmgr.steps.plan_job import plan_again
from batchmgr.usecases.deliver import deliver

logger = logging.getLogger(__name__)


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
    batch_job, tasks = await _read_end(ports, record)
    if not has_ended(record, batch_job, tasks, ports.clock.now()):
        logger.info("job %s has not ended yet", job_id)
        return
    if tasks:
        job = await observe_end(ports, job, tasks, count_tasks(tasks))
    job = await observe_reports(ports, job, tasks)
    if record.state is not JobState.FINALIZING:
        job = await commit_state(ports, job, job.value.finalizing(ports.clock.now()))
    if batch_job is not None and not batch_job.has_ended:
        await ports.batch.terminate_job(record.job_id, FINALIZED)
    job_plan = await plan_again(ports, record)
    lost = await lost_results(ports, job_plan, tasks)
    failed_now = {task.task_id for task in tasks if task.has_failed}
    failed = {task.task_id: task for task in job.value.run.failed_tasks if task.task_id in failed_now}
    outcome = decide_outcome(
        tasks, job=batch_job, is_cancelled=record.cancel_requested, details=failed, lost_results=lost
    )
    results = await list_results(ports, job_plan, tasks) if job_plan is not None else ()
    outputs = await task_results(ports, job.value)
    ended = job.value.ended(
        ports.clock.now(),
        outcome.state,
        error=outcome.error,
        # In a job that has succeeded, only a FinalizeTask may have failed, which nobody missed.
        failed_tasks=() if outcome.state is JobState.SUCCEEDED else tuple(failed.values()),
        results=results,
        task_results=outputs,
    )
    await commit_state(ports, job, ended)
    await deliver(ports, record.job_id)


async def _read_end(ports: Ports, record: JobRecord) -> tuple[BatchJob | None, list[TaskSnapshot]]:
    """Return the Batch job and its tasks. End the job first if it was cancelled and is still active."""
    batch_job, tasks = await read_batch_job(ports, record)
    if record.cancel_requested and batch_job is not None and not batch_job.has_ended:
        await ports.batch.terminate_job(record.job_id, CANCELLED)
        batch_job, tasks = await read_batch_job(ports, record)
    return batch_job, tasks
