"""Put a submission off: Azure Batch is busy, its quota of jobs is full, or the app has no access to it."""

import logging
from datetime import datetime, timedelta
from functools import partial

from batchmgr.errors import ServiceAccessError, ServiceBusyError, ServiceError, ServiceNotFoundError
from batchmgr.model.job_record import JobRecord
from batchmgr.model.waiting_for import QUOTA_REACHED, ObstacleKind
from batchmgr.ports import Ports
from batchmgr.steps.claim import ClaimedJob
from batchmgr.steps.line import in_line, join, waiting_events
from batchmgr.steps.obstacles import ACCESS_LIMIT, pause_before
from batchmgr.wire.events import obstacle_events

logger = logging.getLogger(__name__)


def may_pass(record: JobRecord, error: ServiceError, now: datetime) -> bool:
    """Return whether the submission may succeed later.

    A service that is busy will have time, so the job waits for as long as it takes. Missing access, or a
    service that does not answer, is waited for a day. A Batch job that was not found was deleted just now:
    the next attempt creates it again.
    """
    if isinstance(error, ServiceNotFoundError):
        return error.code == ObstacleKind.JOB_NOT_FOUND
    if _has_no_access(error) and record.obstacle is not None and record.tries(ObstacleKind.NO_ACCESS):
        return now - record.obstacle.since < ACCESS_LIMIT
    return isinstance(error, ServiceBusyError)


def _has_no_access(error: ServiceError) -> bool:
    """Return whether the app has not reached the service itself: no token, no role, no answer, a gateway."""
    return isinstance(error, ServiceAccessError) or (error.retryable and error.status in {0, 404})


def _is_full(record: JobRecord, error: ServiceError) -> bool:
    """Return whether Azure Batch takes no more active jobs, so that this one is not there."""
    return error.code == QUOTA_REACHED and not record.in_batch


async def _join(ports: Ports, mine: ClaimedJob, error: ServiceError) -> None:
    before, ticket, now = mine.record, await join(ports, mine.record), ports.clock.now()
    await mine.save(lambda record: in_line(record, ticket, now, str(error)), partial(waiting_events, before))


async def put_off(ports: Ports, mine: ClaimedJob, error: ServiceError) -> None:
    """Have the submission tried again after a pause, or let the job join the line."""
    if _is_full(mine.record, error):
        await _join(ports, mine, error)
        return
    attempts = mine.record.submission.attempts
    pause = max(error.retry_after or timedelta(0), pause_before(attempts + 2))
    now = ports.clock.now()
    logger.warning("job %s is submitted again in %s: %s", mine.record.job_id, pause, error)
    kind = ObstacleKind.NO_ACCESS if _has_no_access(error) else ObstacleKind.BUSY
    await mine.save(
        lambda record: record.put_off(now, kind, code=error.code, reason=str(error), until=now + pause),
        obstacle_events,
    )
    await ports.queue.enqueue_submission(mine.record.job_id, pause)
