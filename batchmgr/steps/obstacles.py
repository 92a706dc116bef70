"""Obstacles: whatever keeps a step of a job from being done is counted in the job's record, told, and ended.

- **Missing access**: a token that can't be had, or a 401 or 403. Somebody may still give it.
- **A Batch job that is gone** counts as deleted when Azure Batch says so again after 20 seconds.
- **Internal errors**: exceptions that nobody expects. One that passes does no harm. After ten tries, over ten
  minutes at least, the job ends with `InternalError`.

Services that are busy are no obstacle: their jobs wait for as long as it takes.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from msgspec.structs import replace

from batchmgr.errors import (
    BatchmgrError,
    JobNotFoundError,
    RecordChangedError,
    ServiceAccessError,
    ServiceBusyError,
    ServiceError,
)
from batchmgr.model.error_groups import most_permanent
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import CallbackState, CallbackStatus, JobError
from batchmgr.model.job_states import JobState
from batchmgr.model.receivers import SETTLED, statuses, with_status
from batchmgr.model.telemetry_names import LogLine
from batchmgr.model.waiting_for import ObstacleKind
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.batch_job import terminate_own_job
from batchmgr.steps.dead_letters import keep_letters
from batchmgr.steps.list_job import list_ended
from batchmgr.steps.outbox import flush, retry_on_conflict
from batchmgr.wire.events import job_event, obstacle_events

logger = logging.getLogger(__name__)

INTERNAL_ERROR = LogLine.INTERNAL_ERROR.attributes

MAX_TRIES = 10
LEAST_TIME = timedelta(minutes=10)
"""An internal error ends its job after this many tries in a row, but not before this time has passed."""

ACCESS_LIMIT = timedelta(hours=24)
"""How long a submission waits for access. A managed identity keeps an old token for up to a day.

Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/managed-identity-best-practice-recommendations
"""

GONE_AFTER = timedelta(seconds=20)
"""How long Azure Batch must say that it does not have a job, before batchmgr believes it."""

FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=5)

UseCase = Callable[[Ports, str], Awaitable[object]]


def pause_before(attempt: int) -> timedelta:
    """Return the pause before an attempt: 2 s before the second, then twice as long, up to 5 minutes."""
    doublings = min(max(attempt - 2, 0), 8)
    return min(LONGEST_PAUSE, FIRST_PAUSE * float(2**doublings))


async def attempt(ports: Ports, job_id: str, name: str, use_case: UseCase) -> bool:
    """Run a use case of one job. Count what hinders it in the job's record, and end the job if that goes on.

    Return whether the use case is done; False if an error was counted.

    `name` is the verb of the use case. Raise only what passes by itself, such as ServiceBusyError, and an
    error that can't be counted: the trigger tries again, or the next poll.
    """
    try:
        with ports.telemetry.about(job_id):
            await use_case(ports, job_id)
    except Exception as raised:
        error = most_permanent(raised)
        passes = isinstance(error, (ServiceBusyError, RecordChangedError, JobNotFoundError))
        if passes and not isinstance(error, ServiceAccessError):
            raise error from raised
        logger.warning("job %s: could not %s: %s", job_id, name, type(error).__name__, exc_info=raised)
        await _count(ports, job_id, name, error)
        return False
    return True


@retry_on_conflict
async def is_gone(ports: Ports, job_id: str) -> bool:
    """Return whether the Batch job counts as deleted, now that Azure Batch has said that it is not there.

    The first time this is noted and told; 20 seconds later it is so.
    """
    job, now = await ports.jobs.load(job_id), ports.clock.now()
    obstacle = job.value.obstacle
    if obstacle is not None and obstacle.kind is ObstacleKind.JOB_NOT_FOUND:
        return now - obstacle.since >= GONE_AFTER
    kind = ObstacleKind.JOB_NOT_FOUND
    reason = "Azure Batch says that it does not have this job. If it says so again, the job has failed"
    await _tell(ports, job, job.value.hindered(now, kind, code=kind, reason=reason, retry_at=now))
    return False


async def overcome(ports: Ports, job: Versioned[JobRecord]) -> Versioned[JobRecord]:
    """Remove the obstacle from a job whose step is done, if it has one."""
    return await ports.jobs.save(job.value.unhindered(), job.etag) if job.value.obstacle else job


@retry_on_conflict
async def _count(ports: Ports, job_id: str, name: str, error: Exception) -> None:
    # Not `outbox.load`: to publish what is in the outbox may be what fails.
    job, now = await ports.jobs.load(job_id), ports.clock.now()
    has_no_access = isinstance(error, ServiceAccessError)
    kind = ObstacleKind.NO_ACCESS if has_no_access else ObstacleKind.INTERNAL_ERROR
    code = error.code if isinstance(error, ServiceError) and error.code else type(error).__name__
    reason = f"batchmgr could not {name} the job: {_text(error)}"
    tries = job.value.tries(kind) + 1
    record = job.value.hindered(now, kind, code=code, reason=reason, retry_at=now + pause_before(tries + 1))
    since = record.obstacle.since if record.obstacle else now
    if not has_no_access and tries >= MAX_TRIES and now - since >= LEAST_TIME:
        await _end(ports, job, record, name, error)
        return
    await _tell(ports, job, record)


async def _tell(ports: Ports, job: Versioned[JobRecord], record: JobRecord) -> None:
    """Save the record with its obstacle, and publish an event at the first, second, fourth, eighth … try."""
    tries = record.obstacle.tries if record.obstacle else 0
    is_told = not record.state.is_final and tries & (tries - 1) == 0
    events = obstacle_events(record) if is_told else []
    saved = await ports.jobs.save(record.with_outbox([*record.outbox, *events]), job.etag)
    await _publish(ports, saved)


async def _end(
    ports: Ports, job: Versioned[JobRecord], record: JobRecord, name: str, error: Exception
) -> None:
    """End the job with `InternalError`. The poller delivers its callback."""
    job_id = record.job_id
    logger.error(
        "InternalError: job %s ends, batchmgr could not %s it",
        job_id,
        name,
        exc_info=error,
        extra=INTERNAL_ERROR,
    )
    if record.state.is_final:
        await _give_up_callback(ports, job)
        return
    try:
        await terminate_own_job(ports, record, f"batchmgr: {ObstacleKind.INTERNAL_ERROR}")
    except Exception:
        logger.exception("InternalError: the Batch job %s may still run", job_id, extra=INTERNAL_ERROR)
    tries = record.obstacle.tries if record.obstacle else 0
    reason = JobError(
        code=ObstacleKind.INTERNAL_ERROR,
        message=f"batchmgr could not {name} the job, {tries} times in a row: {_text(error)}. The log of the "
        f"function app says more: search it for 'InternalError: job {job_id}'.",
    )
    now, events = ports.clock.now(), []
    if record.state is not JobState.FINALIZING:
        record = record.finalizing(now)
        events.append(job_event(record))
    state = JobState.CANCELLED if record.cancel_requested else JobState.FAILED
    ended = record.ended(now, state, error=reason, failed_tasks=record.run.failed_tasks)
    events.append(job_event(ended))
    saved = await ports.jobs.save(ended.with_outbox([*record.outbox, *events]), job.etag)
    await _publish(ports, saved)


async def _give_up_callback(ports: Ports, job: Versioned[JobRecord]) -> None:
    """Let a job go that has ended, but whose last events or whose callback raise an error each time.

    First the events that are not published yet are dropped, so that the callback can be sent.
    """
    record = job.value
    if record.outbox:
        dropped = len(record.outbox)
        logger.error("InternalError: job %s drops %d events", record.job_id, dropped, extra=INTERNAL_ERROR)
        await ports.jobs.save(record.with_outbox(()).unhindered(), job.etag)
        return
    record = replace(record, webhooks=tuple(webhook.given_up() for webhook in record.webhooks))
    unsettled = {key: one for key, one in statuses(record).items() if one.state not in SETTLED}
    if unsettled:
        await ports.queue.dead_letter_callback(record.job_id)
        now = ports.clock.now()
        for key, status in unsettled.items():
            dead = CallbackStatus(
                state=CallbackState.DEAD,
                attempts=status.attempts,
                last_error=ObstacleKind.INTERNAL_ERROR,
                given_up_at=now,
            )
            record = with_status(record, key, dead, updated_at=now)
    if record != job.value:
        await ports.jobs.save(record, job.etag)
    await keep_letters(ports, record)
    await list_ended(ports, record)
    await ports.jobs.deactivate(record.job_id)


async def _publish(ports: Ports, job: Versioned[JobRecord]) -> None:
    try:
        await flush(ports, job)
    except RecordChangedError:
        raise
    except Exception:  # the record is saved: whoever loads it next publishes the events
        logger.exception("events of job %s could not be published", job.value.job_id)


def _text(error: Exception) -> str:
    """Return what is told of an error. The text of a foreign one may hold secrets: it is in the log only."""
    return str(error) if isinstance(error, BatchmgrError) else type(error).__name__
