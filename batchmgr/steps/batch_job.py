"""The Batch job behind a record: find it, read its end, terminate it.

A Batch job with the right id is used only if batchmgr created it for the same job message: its metadata holds
the message's digest.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from batchmgr.errors import ServiceNotFoundError
from batchmgr.model.batch_snapshots import BatchJob, TaskSnapshot
from batchmgr.model.job_outcome import find_finalize_task
from batchmgr.model.job_record import JobRecord
from batchmgr.plan.job_plan import FINALIZE_TASK_ID
from batchmgr.ports import Ports

END_PAUSES = tuple(timedelta(seconds=s) for s in (0.1, 0.2, 0.4, 0.8, 1.6, 3, 5, 9))
"""Pauses while waiting for a Batch job or a FinalizeTask that is just ending. After them the poller looks."""


LONGEST_END = timedelta(minutes=10)
"""How long the tasks of a Batch job may go on after it was terminated."""


async def find_own_job(ports: Ports, record: JobRecord) -> BatchJob | None:
    """Return the Batch job that was created for this record; None if it does not exist or is another's."""
    try:
        batch_job = await ports.batch.get_job(record.job_id)
    except ServiceNotFoundError:
        return None
    return batch_job if batch_job.digest == record.digest else None


async def terminate_own_job(ports: Ports, record: JobRecord, reason: str) -> None:
    """Terminate the Batch job that was created for this record, if there is one."""
    if await find_own_job(ports, record) is not None:
        await ports.batch.terminate_job(record.job_id, reason)


def has_ended(
    record: JobRecord, batch_job: BatchJob | None, tasks: Sequence[TaskSnapshot], now: datetime
) -> bool:
    """Return whether the job's tasks are all over, so that the job can be finalized.

    A Batch job that is terminating still has tasks that run, until their nodes have ended them. That may take
    minutes, and never happens if a node is lost: after ten minutes they are over all the same.
    """
    if batch_job is None:
        # A job that never was in Azure Batch is still to be created there.
        return record.in_batch or record.must_end
    if batch_job.has_ended or record.must_end:
        runs = any(task.state in {"preparing", "running"} for task in tasks)
        since = batch_job.state_transition_time
        return not runs or (batch_job.has_ended and (since is None or now - since > LONGEST_END))
    final = find_finalize_task(tasks)
    return final is not None and final.state == "completed"


async def await_end(ports: Ports, record: JobRecord) -> tuple[BatchJob | None, bool]:
    """Return the Batch job, and whether it may have ended: the list of its tasks tells.

    If it is just ending, wait up to 20 seconds for its end. It is None if it is not in Azure Batch.
    """
    for pause in END_PAUSES:
        batch_job, final = await _look(ports, record)
        if not _is_ending(batch_job, final):
            break
        await ports.clock.sleep(pause)
    else:
        batch_job, final = await _look(ports, record)
    if batch_job is None or batch_job.has_ended or record.must_end:
        return batch_job, True
    return batch_job, final is not None and final.state == "completed"


async def _look(ports: Ports, record: JobRecord) -> tuple[BatchJob | None, TaskSnapshot | None]:
    """Return the Batch job and, unless that has ended, its FinalizeTask; None for what does not exist."""
    batch_job = await find_own_job(ports, record)
    if batch_job is None or batch_job.has_ended:
        return batch_job, None
    try:
        return batch_job, await ports.batch.get_task(record.job_id, FINALIZE_TASK_ID)
    except ServiceNotFoundError:
        return batch_job, None


def _is_ending(batch_job: BatchJob | None, final: TaskSnapshot | None) -> bool:
    """Return whether the job is being terminated, or its FinalizeTask is still uploading its files."""
    if batch_job is not None and batch_job.has_ended:
        return batch_job.state != "completed"
    return final is not None and final.state in {"preparing", "running"}
