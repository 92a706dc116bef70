"""Cancel: the job's tasks are ended, and it is finalized as cancelled, with its callback."""

from batchmgr.errors import IllegalTransitionError
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.ports import Ports
from batchmgr.steps.batch_job import terminate_own_job
from batchmgr.steps.outbox import load
from batchmgr.steps.repetition import repeat_when_changed
from batchmgr.usecases.finalize import raise_finalize


@repeat_when_changed
async def cancel(ports: Ports, job_id: str) -> JobRecord:
    """Cancel a job wherever it is on its way. Cancelling twice is the same as once.

    Raises JobNotFoundError, and IllegalTransitionError for a job that ended otherwise.
    """
    job = await load(ports, job_id)
    record = job.value
    if record.state is JobState.CANCELLED:
        return record
    if record.state.is_final:
        raise IllegalTransitionError(record.job_id, record.state, JobState.CANCELLED)
    if not record.cancel_requested:
        changed = record.change(ports.clock.now(), cancel_requested=True)
        record = (await ports.jobs.save(changed, job.etag)).value
    await terminate_own_job(ports, record, "batchmgr: cancelled")
    await raise_finalize(ports, record.job_id, "cancelled")
    return record
