"""Redrive the callbacks of a job that were given up: they are attempted again, as if for the first time."""

from msgspec.structs import replace

from batchmgr.errors import JobNotFoundError, NotPossibleError
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import CallbackState
from batchmgr.model.receivers import is_settled, statuses, with_status
from batchmgr.ports import Ports
from batchmgr.steps.outbox import load, retry_on_conflict
from batchmgr.usecases.deliver import reopen


@retry_on_conflict
async def redrive(ports: Ports, job_id: str) -> JobRecord:
    """Have every callback of the job sent again that was given up, with its `webhook-id`.

    If callbacks are under way, this changes nothing. Raise JobNotFoundError, or NotPossibleError if there is
    nothing to send again.
    """
    job = await load(ports, job_id)
    record = job.value
    if record.purge is not None:
        raise NotPossibleError(record.job_id, "is being deleted.")
    if not record.state.is_final:
        raise NotPossibleError(record.job_id, f"is {record.state}: its callback is sent when it has ended.")
    dead = {key: one for key, one in statuses(record).items() if one.state is CallbackState.DEAD}
    if not dead:
        if not is_settled(record):
            return record
        why = "has delivered its callback" if statuses(record) else "has no callback"
        raise NotPossibleError(record.job_id, f"{why}: there is nothing to send again.")
    try:
        await ports.jobs.load_request(record.job_id)
    except JobNotFoundError as error:
        why = "can't call back: its message, with the callback URI, is no longer in storage."
        raise NotPossibleError(record.job_id, why) from error
    now = ports.clock.now()
    for key, status in dead.items():
        again = replace(status, state=CallbackState.PENDING, attempts=0, next_attempt_at=None)
        record = with_status(record, key, again, updated_at=now)
    return await reopen(ports, job, record)
