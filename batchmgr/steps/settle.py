"""Settle: what is left to do once a job has come to its end: tell it, call back, and forget it is active."""

from typing import Any

from batchmgr.model.job_record import DUE, CallbackState, JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.outbox import transition
from batchmgr.usecases.deliver import deliver


async def conclude(ports: Ports, job: Versioned[JobRecord], end: JobState, **changes: Any) -> None:
    """Bring the job to its end, and settle it."""
    callback = DUE if job.value.has_callback else None
    await settle(ports, await transition(ports, job, end, callback=callback, **changes))


async def settle(ports: Ports, job: Versioned[JobRecord]) -> None:
    """Do what is left of a finished job whose end is told. May be repeated at any time."""
    record = job.value
    status = record.callback
    if status is not None and status.state in {CallbackState.PENDING, CallbackState.SENDING}:
        await deliver(ports, record.job_id)
    else:
        await ports.jobs.retire(record.job_id)
