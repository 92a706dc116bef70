"""Finalize: a job whose tasks are over gets its outcome, its last events and its callback.

Both ways lead here: the FinalizeTask's own blob, and the one the poller writes where that task could not run.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta

from batchmgr.errors import InvalidJobError, JobNotFoundError, ServiceNotFoundError
from batchmgr.model.batch_snapshots import BatchJob, TaskSnapshot
from batchmgr.model.job_record import JobRecord, ResultFile
from batchmgr.model.job_states import JobState
from batchmgr.model.outcome import FINALIZED, count, decide, finalize_task
from batchmgr.plan.finalize_task import finalize_message
from batchmgr.plan.job_plan import FINALIZE_TASK_ID, JobPlan
from batchmgr.ports import Ports
from batchmgr.steps.batch_job import find_own_job
from batchmgr.steps.expand_factory import expand_kept
from batchmgr.steps.observe_reports import observe_reports, task_results
from batchmgr.steps.observe_tasks import observe_end
from batchmgr.steps.outbox import load, transition
from batchmgr.steps.plan_job import plan
from batchmgr.steps.repetition import repeat_when_changed
from batchmgr.steps.settle import conclude, settle

logger = logging.getLogger(__name__)

PATIENCE = tuple(timedelta(seconds=s) for s in (0.1, 0.2, 0.4, 0.8, 1.6, 3, 5, 9))
"""How long to wait, in all, for a job or a FinalizeTask that is just ending; then the poller looks again."""


async def raise_finalize(ports: Ports, job_id: str, reason: str) -> None:
    """Write the finalize blob in the FinalizeTask's stead."""
    await ports.finalize.raise_for(job_id, finalize_message(job_id, written_by="batchmgr", reason=reason))


@repeat_when_changed
async def finalize(ports: Ports, job_id: str) -> None:
    """Bring a job to its end if it is at its end, else leave it alone. May be repeated at any time."""
    try:
        job = await load(ports, job_id)
    except JobNotFoundError:
        logger.warning("a finalize blob names the unknown job %r", job_id)
        return
    record = job.value
    if record.state.is_final:
        await settle(ports, job)
        return
    batch_job, tasks = await _look(ports, record)
    if not is_at_end(record, batch_job, tasks):
        logger.info("job %s is not at its end yet", job_id)
        return
    if record.state is not JobState.FINALIZING:
        job = await transition(ports, job, JobState.FINALIZING)
    if batch_job is not None and not batch_job.is_over:
        await ports.batch.terminate_job(record.job_id, FINALIZED)
    if tasks:
        job = await observe_end(ports, job, tasks, count(tasks))
    job = await observe_reports(ports, job)
    failed_now = {task.task_id for task in tasks if task.has_failed}
    details = {task.task_id: task for task in job.value.failed_tasks if task.task_id in failed_now}
    end = decide(tasks, job=batch_job, is_cancelled=record.cancel_requested, details=details)
    results = await _results(ports, record, tasks)
    await conclude(
        ports,
        job,
        end.state,
        error=end.error,
        failed_tasks=tuple(details.values()),
        results=results,
        task_results=await task_results(ports, job.value),
    )


def is_at_end(record: JobRecord, batch_job: BatchJob | None, tasks: Sequence[TaskSnapshot]) -> bool:
    """Whether nothing more will happen to the job's tasks."""
    if record.cancel_requested:
        return True
    if batch_job is None:
        return record.in_batch  # if it never was there, it is still to come
    if batch_job.is_over:
        return True
    final = finalize_task(tasks)
    return final is not None and final.state == "completed"


async def _look(ports: Ports, record: JobRecord) -> tuple[BatchJob | None, list[TaskSnapshot]]:
    """The Batch job and its tasks, once what is just ending has ended. None if the job is not in Batch."""
    try:
        for pause in PATIENCE:
            if not await _is_ending(ports, record):
                break
            await ports.clock.sleep(pause)
        batch_job = await find_own_job(ports, record)
        if batch_job is None:
            return None, []
        # The tasks after the job: once that is over, they do not change any more.
        return batch_job, [task async for task in ports.batch.list_tasks(record.job_id)]
    except ServiceNotFoundError:
        return None, []


async def _is_ending(ports: Ports, record: JobRecord) -> bool:
    """Whether the job is being terminated, or its FinalizeTask, which has told its end, still uploads."""
    batch_job = await find_own_job(ports, record)
    if batch_job is None or batch_job.is_over:
        return batch_job is not None and batch_job.state != "completed"
    try:
        final = await ports.batch.get_task(record.job_id, FINALIZE_TASK_ID)
    except ServiceNotFoundError:
        return False
    return final.state in {"preparing", "running"}


async def plan_again(ports: Ports, record: JobRecord) -> JobPlan | None:
    """The plan of a job that was planned before; None where its workload has changed too much since."""
    try:
        request = await ports.jobs.load_request(record.job_id)
        message = await expand_kept(ports, record.job_id, request)
        if message is None:
            return None
        return await plan(ports, record.job_id, message, record.pool_id)
    except InvalidJobError as error:
        logger.error("job %s can't be planned any more: %s", record.job_id, error)
        return None


async def _results(ports: Ports, record: JobRecord, tasks: Sequence[TaskSnapshot]) -> tuple[ResultFile, ...]:
    """What the FinalizeTask left, or, if it leaves nothing, the tasks: files named outright, 100 at most."""
    job_plan = await plan_again(ports, record)
    if job_plan is None:
        return ()
    done = {task.task_id for task in tasks if task.has_succeeded}
    for group in ([job_plan.finalize_task], job_plan.tasks):
        files = [file for task in group if task.id in done for file in task.result_files]
        if files:
            break
    return tuple(
        ResultFile(name=file.blob_path, uri=ports.storage.blob_uri(file.need, file.blob_path))
        for file in files[:100]
    )
