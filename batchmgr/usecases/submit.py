"""Submit a queued job: create its Batch job and add all its tasks.

If the quota of active jobs is used up, the job joins the line, and `let_in` submits it when its turn comes.

A submission that was interrupted is repeated from the start: what exists already is kept.
"""

import logging
from datetime import datetime, timedelta
from enum import Enum
from functools import partial

from batchmgr.errors import (
    InvalidJobError,
    ServiceBusyError,
    ServiceConflictError,
    ServiceError,
    ServiceNotFoundError,
)
from batchmgr.model.cloud_event import Event
from batchmgr.model.container_access import StorageAccess, signatures_end
from batchmgr.model.job_outcome import end_reason
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import FailedTask, JobError
from batchmgr.model.job_states import JobState
from batchmgr.model.size_limits import MESSAGE
from batchmgr.model.telemetry_names import SUBMIT
from batchmgr.model.ticket import Ticket
from batchmgr.model.waiting_for import QUOTA_REACHED, ObstacleKind
from batchmgr.plan.cut_text import cut
from batchmgr.plan.job_plan import JobPlan
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.add_tasks import add_own_tasks
from batchmgr.steps.batch_job import find_own_job, terminate_own_job
from batchmgr.steps.claim import Change, ClaimedJob, EventsOf, claimed, no_events
from batchmgr.steps.keep_plan import plan_and_keep, plan_to_submit
from batchmgr.steps.known_job import KnownJob
from batchmgr.steps.line import Turn, in_line, is_next, is_waiting, join, leave, waiting_events
from batchmgr.steps.next_look import is_looked_at_each_time
from batchmgr.steps.outbox import commit, load, retry_on_conflict
from batchmgr.steps.plan_job import grant_access
from batchmgr.steps.plan_on_node import REJECTED, failed_job_manager, planned_tasks
from batchmgr.steps.put_off import may_pass, put_off
from batchmgr.steps.release_finalize_task import write_finalize_blob
from batchmgr.steps.warn_of_signatures import warning_due
from batchmgr.usecases.deliver import start_delivery
from batchmgr.wire.events import job_event, planning_event, task_events

logger = logging.getLogger(__name__)

QUICK_TIME = timedelta(seconds=10)
"""The same for a job that is let in from the line, while another use case goes on."""

PORTION_TIME = timedelta(seconds=40)
"""How long one call adds tasks, and lists blobs before that. Then it enqueues a message, and the next call
continues: a function may take two minutes, and a host that is told to stop gives ten seconds."""


@retry_on_conflict
async def submit(ports: Ports, job_id: str, known: KnownJob | None = None) -> None:
    """Bring a job into Azure Batch, unless it is there, or another process is at it.

    If a service is busy, the job is submitted again later. If the quota of active jobs is full, or others
    wait for it, the job joins the line. If Azure Batch will never accept the job, it is rejected, and its
    events and its callback say why.
    """
    known = known or KnownJob()
    job = await known.load(ports, job_id)
    is_under_way = job.value.state in {JobState.QUEUED, JobState.SUBMITTING}
    if job.value.must_end:
        # The cancellation may have come while tasks were being added, before there was a Batch job to end.
        await terminate_own_job(ports, job.value, end_reason(job.value))
        if is_under_way:
            await write_finalize_blob(ports, job.value.job_id, end_reason(job.value))
    if job.value.must_end or not is_under_way:
        return
    if job.value.is_claimed(ports.clock.now()):
        logger.info("job %s is being submitted by another process", job_id)
        return
    if not job.value.in_batch and not await is_next(ports, job.value):
        await _stand_in_line(ports, job)
        return
    await _submit(ports, job, PORTION_TIME, known)


@retry_on_conflict
async def submit_next(ports: Ports, job_id: str, ticket: Ticket) -> Turn:
    """Submit the job of a ticket, as its turn has come. If it does not wait, remove the ticket.

    Raise JobNotFoundError.
    """
    job = await load(ports, job_id)
    now, record = ports.clock.now(), job.value
    if not is_waiting(record):
        await ports.line.leave(ticket)
        return Turn.PASSED
    is_held_up = record.retry_at is not None and now < record.retry_at
    if record.is_claimed(now) or (is_held_up and not record.tries(ObstacleKind.QUOTA)):
        return Turn.PASSED
    await ports.jobs.activate(record.job_id)  # if this process dies, the poller need not wait for minutes
    return await _submit(ports, job, QUICK_TIME, KnownJob())


async def _stand_in_line(ports: Ports, job: Versioned[JobRecord]) -> None:
    begin, events_of = _begin(ports, job.value)
    begun = begin(job.value)
    record = in_line(begun, await join(ports, begun), ports.clock.now())
    await commit(ports, job, record, [*events_of(begun), *waiting_events(begun, record)])


async def _submit(ports: Ports, job: Versioned[JobRecord], time: timedelta, known: KnownJob) -> Turn:
    with ports.telemetry.span(SUBMIT, job_id=job.value.job_id, traceparent=job.value.traceparent):
        return await _submit_claimed(ports, job, time, known)


async def _submit_claimed(ports: Ports, job: Versioned[JobRecord], time: timedelta, known: KnownJob) -> Turn:
    begin, events_of = _begin(ports, job.value)
    may_rest = not is_looked_at_each_time(job.value, ports.clock.now())
    async with claimed(ports, job, begin, events_of) as mine:
        try:
            ends_at = ports.clock.now() + time
            progress = await _submit_portion(ports, mine, known, ends_at)
        except (InvalidJobError, ServiceError) as error:
            now = ports.clock.now()
            if not isinstance(error, InvalidJobError) and may_pass(mine.record, error, now):
                await put_off(ports, mine, error)
                return Turn.REFUSED
            logger.warning("job %s is rejected: %s", mine.record.job_id, cut(str(error), MESSAGE))
            await _reject(ports, mine, error)
            return Turn.PASSED
        await _save_progress(ports, mine, progress)
        if may_rest and progress is Progress.COMPLETE:
            await ports.jobs.activate(mine.record.job_id)  # the next poll looks at its tasks
    return Turn.LET_IN


class Progress(Enum):
    """How far one call of a submission has come."""

    COMPLETE = "all tasks are in Azure Batch"
    AWAITS_TASKS = "the job manager task plans the tasks"
    TIME_IS_UP = "more tasks are to be added"


def _begin(ports: Ports, record: JobRecord) -> tuple[Change, EventsOf]:
    if record.state is JobState.SUBMITTING:
        return (lambda record: record), no_events
    now = ports.clock.now()
    return (lambda record: record.submitting(now)), (lambda record: [job_event(record)])


async def _submit_portion(ports: Ports, mine: ClaimedJob, known: KnownJob, ends_at: datetime) -> Progress:
    """Create the Batch job and add its tasks, or as many of them as there is time for."""
    record = mine.record
    message = await known.load_request(ports, record.job_id)
    job_plan = known.plan or await plan_to_submit(ports, mine, message)
    if job_plan.job.pool_id:
        # Azure Batch accepts a job for a pool that does not exist. The job would then wait for ever.
        await _require_pool(ports, job_plan.job.pool_id)
    access = await grant_access(ports, job_plan)
    await _create(ports, job_plan, access, record)
    if job_plan.awaits_tasks:
        if record.submission.ticket:
            await mine.save(lambda record: record.let_in(ports.clock.now()))
            await leave(ports, record)
            record = mine.record
        planned = await planned_tasks(ports, record)
        if planned is None:
            return Progress.AWAITS_TASKS
        job_plan = await plan_and_keep(ports, record, message, planned)
        access = await grant_access(ports, job_plan)
    await mine.save(partial(_created, job_plan=job_plan, access=access, now=ports.clock.now()))
    await leave(ports, record)
    return await _complete(ports, mine, job_plan, access, ends_at)


async def _require_pool(ports: Ports, pool_id: str) -> None:
    try:
        await ports.batch.require_pool(pool_id)
    except ServiceNotFoundError as error:
        text = f"there is no pool {pool_id!r} in the Batch account. {error}"
        raise ServiceNotFoundError(text, code=error.code, status=error.status) from error


def _created(record: JobRecord, *, job_plan: JobPlan, access: StorageAccess, now: datetime) -> JobRecord:
    ends_at = signatures_end(access)
    run = record.run.begun(
        total=job_plan.total,
        can_report=job_plan.can_report,
        manifest_due=job_plan.finalize_task.manifest_need is not None,
        slots=job_plan.max_slots,
        instances=job_plan.max_instances,
        signatures_end=ends_at,
        warn_at=warning_due(ends_at, job_plan.job.max_wall_clock_time, now),
        has_waits=not job_plan.has_chains,
        has_own_pool=job_plan.job.auto_pool is not None,
    )
    created = record.created_in_batch(run)
    return created.let_in(now) if record.submission.ticket else created


async def _create(ports: Ports, job_plan: JobPlan, access: StorageAccess, record: JobRecord) -> None:
    try:
        await ports.batch.create_job(job_plan, access, record.digest)
    except ServiceBusyError as error:
        # A full account may refuse a job that it has: an earlier attempt has created it.
        if error.code != QUOTA_REACHED or await find_own_job(ports, record) is None:
            raise
    except ServiceConflictError as error:
        if error.code != "JobExists":
            raise
        if (await ports.batch.get_job(record.job_id)).digest != record.digest:
            raise InvalidJobError(
                "Azure Batch has a job of this id that batchmgr did not create: choose another jobId",
                field="jobId",
            ) from error


async def _complete(
    ports: Ports, mine: ClaimedJob, job_plan: JobPlan, access: StorageAccess, ends_at: datetime
) -> Progress:
    try:
        return await _add_tasks(ports, mine, job_plan, access, ends_at)
    except ServiceConflictError:
        own_job = await find_own_job(ports, mine.record)
        if own_job is None or not own_job.has_ended:
            raise
        # An earlier attempt has added all tasks, or somebody has ended the job: finalize will find out.
        return Progress.COMPLETE


async def _add_tasks(
    ports: Ports, mine: ClaimedJob, job_plan: JobPlan, access: StorageAccess, ends_at: datetime
) -> Progress:
    """Add the tasks that are not known to be there, in the order of the plan."""
    there = await add_own_tasks(ports, mine, job_plan, access, ends_at)
    if there < len(job_plan.tasks):
        return Progress.TIME_IS_UP
    # A task is added after those it waits for: Azure Batch promises nothing about unknown dependencies.
    if job_plan.gathering_tasks:
        await ports.batch.add_tasks(job_plan, job_plan.gathering_tasks, access)
    await ports.batch.add_tasks(job_plan, [job_plan.finalize_task], access)
    await ports.batch.terminate_when_done(job_plan.job_id)
    return Progress.COMPLETE


async def _save_progress(ports: Ports, mine: ClaimedJob, progress: Progress) -> None:
    now = ports.clock.now()
    match progress:
        case Progress.COMPLETE:
            await mine.save(lambda record: record.submitted(now), lambda record: [job_event(record)])
        case Progress.AWAITS_TASKS if mine.record.submission.awaits_tasks:
            await mine.release()
        case Progress.AWAITS_TASKS:
            # The poller submits the job again when the job manager task has ended.
            await mine.save(
                lambda record: record.awaiting_tasks(now), lambda record: [planning_event(record)]
            )
        case Progress.TIME_IS_UP:
            await mine.release()
            await ports.queue.enqueue_submission(mine.record.job_id)


async def _reject(ports: Ports, mine: ClaimedJob, error: InvalidJobError | ServiceError) -> None:
    manager = await failed_job_manager(ports, mine.record)
    # If Azure Batch has accepted a part of the job, that part must neither run nor count for the quota.
    await terminate_own_job(ports, mine.record, REJECTED)
    field = error.field if isinstance(error, InvalidJobError) else ""
    code = "InvalidJob" if isinstance(error, InvalidJobError) else error.code or "SubmissionFailed"
    reason = JobError(code=code, message=str(error), field=field)
    failed = [] if manager is None else [manager]
    now = ports.clock.now()

    def events_of(record: JobRecord) -> list[Event]:
        return [*(event for task in failed for event in task_events(record.job_id, task)), job_event(record)]

    await mine.save(
        lambda record: record.ended(
            now, JobState.REJECTED, error=reason, failed_tasks=tuple(map(FailedTask.of, failed))
        ),
        events_of,
    )
    await leave(ports, mine.record)
    await start_delivery(ports, mine.record)
