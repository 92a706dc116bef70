"""Accept a job: store its message as a request, and create the job's record.

The same message again changes nothing. With another callback URI, it attaches another receiver to the job.
"""

from msgspec.structs import replace

from batchmgr.callback_port import receiver_of
from batchmgr.errors import JobConflictError, JobNotFoundError, ServiceBusyError
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import Submission
from batchmgr.model.job_states import JobState
from batchmgr.model.telemetry_names import ACCEPT
from batchmgr.model.traceparent import valid_traceparent
from batchmgr.plan.job_plan import JobPlan
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.keep_plan import keep_plan
from batchmgr.steps.known_job import KnownJob
from batchmgr.steps.outbox import create, retry_on_conflict
from batchmgr.steps.tell_webhooks import webhooks_of
from batchmgr.usecases.attach import attach
from batchmgr.wire.job_message import JobMessage


@retry_on_conflict
async def accept(
    ports: Ports,
    job_id: str,
    message: JobMessage,
    plan: JobPlan | None = None,
    *,
    is_checked: bool = True,
    known: KnownJob | None = None,
) -> JobRecord:
    """Accept a job under this id: store the request, create the record, mark the job active.

    The plan that the check of the job has made is kept. A job that is not checked has no event yet: `admit`
    checks it and publishes that it is queued or rejected. `known` is told of what is stored now.
    Raise JobConflictError if a job with this id but other content was accepted before, or if it has too many
    receivers, and ServiceBusyError as long as such a job is being deleted.
    """
    caller = valid_traceparent(message.traceparent)
    with ports.telemetry.span(ACCEPT, job_id=job_id, traceparent=caller) as traceparent:
        request = replace(message, job_id=job_id, traceparent=traceparent)
        before = await ports.jobs.save_request(job_id, request)
        stored = before or request
        if stored.digest != message.digest:
            raise JobConflictError(job_id)
        own_plan = plan if plan is not None and plan.job_id == stored.job_id else None
        if own_plan is not None:
            await keep_plan(ports, stored.job_id, own_plan)
        priority = None if plan is None else plan.job.priority
        job = await _create_record(
            ports, stored, is_checked=is_checked, priority=priority, is_new=before is None
        )
        if before is not None:
            await _store_again(ports, stored, own_plan)
        if message.call_back_uri not in {"", stored.call_back_uri}:
            return await attach(ports, job.value.job_id, message.call_back_uri)
    if known is not None:
        known.job, known.message = job, stored
    return job.value


@retry_on_conflict
async def restore(ports: Ports, job_id: str) -> bool:
    """Create the missing record of a job whose request was stored. Return whether a request was.

    A request without content is that of a message that is being refused: its record says why, so it is left
    to `refuse`, whose message comes back if that process has died.
    """
    try:
        request = await ports.jobs.load_request(job_id)
    except JobNotFoundError:
        return False
    if request.has_content:
        await _create_record(ports, request, is_checked=False)
    return True


async def _store_again(ports: Ports, request: JobMessage, plan: JobPlan | None) -> None:
    """Store a request again that was there, if its job was deleted before there was a record.

    Now there is one, and nobody deletes anything of the job.
    """
    if await ports.jobs.save_request(request.job_id, request) is None and plan is not None:
        await keep_plan(ports, request.job_id, plan)


async def _create_record(
    ports: Ports,
    message: JobMessage,
    *,
    is_checked: bool,
    priority: int | None = None,
    is_new: bool = False,
) -> Versioned[JobRecord]:
    now = ports.clock.now()
    record = JobRecord(
        job_id=message.job_id,
        state=JobState.QUEUED,
        submission=Submission(awaits_check=not is_checked),
        workload=message.workload,
        digest=message.digest,
        created_at=now,
        updated_at=now,
        pool_id=message.pool_id or ports.default_pool_id,
        priority=message.priority if priority is None else priority,
        metadata=message.metadata,
        notify=message.notify,
        receiver=receiver_of(message.call_back_uri),
        webhooks=webhooks_of(message),
        rerun_of=message.rerun_of.job_id if message.rerun_of is not None else "",
        stall_limit=message.stall_limit,
        retention_time=message.retention_time,
        traceparent=message.traceparent,
        entered={JobState.QUEUED: now},
    )
    job = await create(ports, record, is_announced=is_checked, is_new=is_new)
    if job.value.purge is not None:  # nothing of it may become part of the new job
        raise ServiceBusyError(
            f"the job {message.job_id!r} that had this id is being deleted: send the new one in a minute"
        )
    return job
