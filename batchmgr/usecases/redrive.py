"""Redrive what was given up of a job: its callbacks are attempted again, as if for the first time, and its
webhooks go on where they were.
"""

from msgspec.structs import replace

from batchmgr.errors import JobNotFoundError, NotPossibleError
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import CallbackState
from batchmgr.model.receivers import is_settled, statuses, with_status
from batchmgr.model.webhook import WebhookStatus
from batchmgr.ports import Ports
from batchmgr.steps.outbox import load, retry_on_conflict
from batchmgr.steps.webhook_statuses import statuses_of, with_statuses
from batchmgr.usecases.deliver import reopen


@retry_on_conflict
async def redrive(ports: Ports, job_id: str) -> JobRecord:
    """Have every callback of the job sent again that was given up, with its `webhook-id`, and every webhook
    told of what it has missed since it was given up.

    If these are under way, this changes nothing. Raise JobNotFoundError, or NotPossibleError if there is
    nothing to send again.
    """
    job = await load(ports, job_id)
    record = job.value
    if record.purge is not None:
        raise NotPossibleError(record.job_id, "is being deleted.")
    webhooks = await statuses_of(ports, record)
    again = {number: one.redriven() for number, one in webhooks.items() if _is_stuck(record, number, one)}
    dead = {key: one for key, one in statuses(record).items() if one.state is CallbackState.DEAD}
    if not dead and not again:
        return _with_nothing_to_redrive(with_statuses(record, webhooks))
    try:
        await ports.jobs.load_request(record.job_id)
    except JobNotFoundError as error:
        why = "can't call back: its message, with the callback URI, is no longer in storage."
        raise NotPossibleError(record.job_id, why) from error
    now = ports.clock.now()
    for key, status in dead.items():
        pending = replace(status, state=CallbackState.PENDING, attempts=0, next_attempt_at=None)
        record = with_status(record, key, pending, updated_at=now)
    return await reopen(ports, job, with_statuses(record, again), again)


def _is_stuck(record: JobRecord, number: int, status: WebhookStatus) -> bool:
    """Return whether a webhook was given up, or was redriven by a process that has died half-way."""
    is_pending = status.state not in {CallbackState.DEAD, CallbackState.DELIVERED}
    return status.state is CallbackState.DEAD or (is_pending and record.webhooks[number].is_settled)


def _with_nothing_to_redrive(record: JobRecord) -> JobRecord:
    """Return the record of a job whose deliveries are under way. Raise NotPossibleError if there are none."""
    if not record.state.is_final:
        why = "its callback is sent when it has ended."
        if record.webhooks:
            why = "none of its webhooks was given up."
        raise NotPossibleError(record.job_id, f"is {record.state}: {why}")
    if not is_settled(record):
        return record
    why = "has no callback"
    if statuses(record):
        why = "has delivered its callback"
    elif record.webhooks:
        why = "has told its webhooks"
    raise NotPossibleError(record.job_id, f"{why}: there is nothing to send again.")
