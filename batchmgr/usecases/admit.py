"""Admit a job that was accepted before it was checked: it is announced as queued, or rejected.

A job from the queue has a record from the first moment: whoever asks for it finds it, and if the process
dies, the poller goes on with it. To check it may take long, because that runs the workload's code.
"""

import logging

from batchmgr.errors import InvalidJobError
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import JobError
from batchmgr.model.job_states import JobState
from batchmgr.model.telemetry_names import ADMIT
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.check_job import check_job
from batchmgr.steps.keep_plan import keep_plan
from batchmgr.steps.known_job import KnownJob
from batchmgr.steps.outbox import commit_state, retry_on_conflict
from batchmgr.usecases.deliver import start_delivery
from batchmgr.wire.events import job_event
from batchmgr.wire.factory_message import TaskPerFile
from batchmgr.wire.job_message import JobMessage

logger = logging.getLogger(__name__)


@retry_on_conflict
async def admit(ports: Ports, job_id: str, known: KnownJob | None = None) -> None:
    """Check a queued job that was accepted unchecked; do nothing for any other. Raise JobNotFoundError.

    The event of an admitted job is in its outbox: it is published with that of the submission, which follows.
    """
    known = known or KnownJob()
    job = await known.load(ports, job_id)
    record = job.value
    if record.state is not JobState.QUEUED or not record.submission.awaits_check or record.cancel_requested:
        known.job = job
        return
    with ports.telemetry.span(ADMIT, job_id=record.job_id, traceparent=record.traceparent):
        await _admit(ports, job, known)


async def _admit(ports: Ports, job: Versioned[JobRecord], known: KnownJob) -> None:
    record = job.value
    try:
        message = await known.load_request(ports, record.job_id)
        job_plan = await check_job(ports, record.job_id, message)
        is_kept = await keep_plan(ports, record.job_id, job_plan)
    except InvalidJobError as error:
        logger.warning("job %s is rejected: %s", record.job_id, error)
        reason = JobError(code="InvalidJob", message=str(error), field=error.field)
        rejected = record.ended(ports.clock.now(), JobState.REJECTED, error=reason)
        await start_delivery(ports, (await commit_state(ports, job, rejected)).value)
    else:
        admitted = record.admitted(job_plan.job.priority)
        announced = admitted.with_outbox([*record.outbox, job_event(admitted)])
        known.job = await ports.jobs.save(announced, job.etag)
        known.plan = job_plan if is_kept or _is_submitted_as_checked(ports, record, message) else None


def _is_submitted_as_checked(ports: Ports, record: JobRecord, message: JobMessage) -> bool:
    """Return whether a submission would make the same plan again."""
    if message.workload or isinstance(message.task_factory, TaskPerFile):
        return False
    return record.pool_id == (message.pool_id or ports.default_pool_id)
