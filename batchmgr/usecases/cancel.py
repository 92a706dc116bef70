"""Cancel a job: end its tasks. The job is then finalized as cancelled, and its callback is delivered."""

from batchmgr.errors import IllegalTransitionError
from batchmgr.model.job_outcome import CANCELLED
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.model.telemetry_names import CANCEL
from batchmgr.ports import Ports
from batchmgr.steps.batch_job import terminate_own_job
from batchmgr.steps.outbox import load, retry_on_conflict
from batchmgr.steps.release_finalize_task import write_finalize_blob


@retry_on_conflict
async def cancel(ports: Ports, job_id: str) -> JobRecord:
    """Cancel a job in whatever state it is. To cancel it again changes nothing.

    Raise JobNotFoundError, or IllegalTransitionError for a job that has ended otherwise.
    """
    job = await load(ports, job_id)
    record = job.value
    if record.state is JobState.CANCELLED:
        return record
    if record.state.is_final:
        raise IllegalTransitionError(record.job_id, record.state, JobState.CANCELLED)
    with ports.telemetry.span(CANCEL, job_id=record.job_id, traceparent=record.traceparent):
        if not record.cancel_requested:
            changed = record.cancellation_requested(ports.clock.now())
            record = (await ports.jobs.save(changed, job.etag)).value
        await ports.jobs.activate(record.job_id)
        await terminate_own_job(ports, record, CANCELLED)
        await write_finalize_blob(ports, record.job_id, "cancelled")
    return record
