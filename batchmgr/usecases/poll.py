"""Poll the active jobs that are due: here, or, if they are many, spread over the instances of the app.

A job has a turn of some seconds. One with so many changes that it takes longer is polled apart: the others
don't wait for it.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from batchmgr.errors import ServiceBusyError, ServiceError
from batchmgr.model.active_job import ActiveJob
from batchmgr.model.job_census import JobCensus
from batchmgr.model.telemetry_names import POLL, POLL_DURATION, LogLine
from batchmgr.ports import Ports
from batchmgr.steps.obstacles import attempt
from batchmgr.usecases.empty_poison import empty_poison_queues
from batchmgr.usecases.let_in import let_in
from batchmgr.usecases.poll_job import poll_active

logger = logging.getLogger(__name__)

CONCURRENT_JOBS = 32
TURN_SECONDS = 8
"""How long the poll of one job may take, if others are polled beside it."""

JOB_SECONDS = 60
"""How long the poll of a job may take that is polled apart."""

JOBS_POLLED_HERE = 200
"""If more jobs are due, the poll is split over the instances of the app."""

JOBS_PER_MESSAGE = 100

OTHER_MESSAGES = 16
"""How many messages may lie in the queue besides those of the last round: jobs that are polled apart."""


async def poll(ports: Ports, previous: datetime | None = None) -> None:
    """Poll every active job that is due, empty the poison queues, and let jobs in from the line.

    `previous` is when this process has begun its last poll; without it, all active jobs are due. An error
    with one job is logged, and does not stop the others.
    """
    begun, census = ports.clock.now(), JobCensus()
    with ports.telemetry.span(POLL):
        # Listed first: if the listing failed half-way, the group would cancel the polls that have begun.
        entries = [entry async for entry in ports.jobs.active_jobs()]
        for entry in entries:
            census.see(entry)
        due = [entry for entry in entries if entry.is_due(begun, previous)]
        async with asyncio.TaskGroup() as group:
            group.create_task(empty_poison_queues(ports))
            if entries:
                group.create_task(let_in(ports))
            if len(due) > JOBS_POLLED_HERE:
                group.create_task(_split(ports, due))
            else:
                group.create_task(poll_some(ports, due, census))
    now = ports.clock.now()
    ports.telemetry.record(POLL_DURATION, (now - begun).total_seconds())
    for metric, value, attributes in census.measurements(now):
        ports.telemetry.record(metric, value, attributes)


async def poll_some(ports: Ports, entries: Sequence[ActiveJob], census: JobCensus | None = None) -> None:
    """Poll these jobs, 32 at a time. Each has its turn."""
    gate = asyncio.Semaphore(CONCURRENT_JOBS)
    census = census or JobCensus()

    async def guarded(entry: ActiveJob) -> None:
        async with gate:
            if not await _poll_one(ports, entry, census, TURN_SECONDS):
                await _poll_apart(ports, entry)

    async with asyncio.TaskGroup() as group:
        for entry in entries:
            group.create_task(guarded(entry))


async def poll_for_long(ports: Ports, job_id: str) -> None:
    """Poll a job whose turn was too short for it. After that it is polled with the others again."""
    entry = ActiveJob(job_id=job_id)
    try:
        if not await _poll_one(ports, entry, JobCensus(), JOB_SECONDS):
            logger.warning("job %s: its poll took more than %d s", job_id, JOB_SECONDS)
    finally:
        await ports.jobs.activate(job_id)


async def _poll_one(ports: Ports, entry: ActiveJob, census: JobCensus, seconds: float) -> bool:
    """Poll a job. Log an error, which the next poll may not meet. Return whether the time was enough."""
    job_id = entry.job_id

    async def use_case(ports: Ports, _: str) -> None:
        await poll_active(ports, entry, census)

    try:
        async with asyncio.timeout(seconds):
            await attempt(ports, job_id, "poll", use_case)
    except TimeoutError:
        return False
    except ServiceBusyError as error:
        text = "job %s could not be polled; the next poll tries again: %s"
        logger.warning(text, job_id, error, extra=LogLine.POLL_FAILED.attributes)
    except Exception:
        text = "job %s could not be polled; the next poll tries again"
        logger.exception(text, job_id, extra=LogLine.POLL_FAILED.attributes)
    return True


async def _poll_apart(ports: Ports, entry: ActiveJob) -> None:
    """Have a job polled by an invocation of its own. Meanwhile the others leave it alone."""
    job_id = entry.job_id
    rest_until = ports.clock.now() + timedelta(seconds=JOB_SECONDS)
    try:
        await ports.jobs.note_active(replace(entry, rest_until=rest_until))
        await ports.queue.enqueue_long_poll(job_id)
    except ServiceError as error:
        logger.warning("job %s has many changes; the next poll goes on with them: %s", job_id, error)


async def _split(ports: Ports, due: Sequence[ActiveJob]) -> None:
    """Spread the jobs over the instances of the app, unless these are still busy with the last round."""
    portions = [due[start : start + JOBS_PER_MESSAGE] for start in range(0, len(due), JOBS_PER_MESSAGE)]
    if await ports.queue.polls_waiting() >= len(portions) + OTHER_MESSAGES:
        text = "%d jobs are not polled now: the last round is not over"
        logger.warning(text, len(due), extra=LogLine.POLL_CUT_OFF.attributes)
        return
    async with asyncio.TaskGroup() as group:
        for portion in portions:
            group.create_task(ports.queue.enqueue_polls(portion))
