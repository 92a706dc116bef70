"""Purge a job: delete everything of a job that has ended.

The record goes last. As long as it is there, whoever is asked to delete the job goes on where another was
stopped, and no job is accepted under its id: what is left of this one would become part of it.

One process at a time deletes, for as long as its claim lasts. It must not go on longer: another one may have
come to the end meanwhile, and what it would delete may belong to a new job.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

from batchmgr.errors import JobNotEndedError
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import Claim
from batchmgr.model.retention import begin_purge, what_is_left_to_do, without_batch_job
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.batch_job import find_own_job
from batchmgr.steps.claim import new_holder, release
from batchmgr.steps.dead_letters import forget_letters
from batchmgr.steps.files_use import goes_on
from batchmgr.steps.line import leave
from batchmgr.steps.list_job import unlist
from batchmgr.steps.outbox import load, retry_on_conflict
from batchmgr.steps.webhook_statuses import forget_webhook_letters, with_webhooks_seen

logger = logging.getLogger(__name__)

CLAIM_TIME = timedelta(seconds=60)
LAST_STEP = timedelta(seconds=20)
"""How long before the claim lapses the last step may begin."""

PAUSES = tuple(timedelta(seconds=s) for s in (0.1, 0.2, 0.4, 0.8, 1.5, 3, 5))
"""Pauses while waiting until Azure Batch has deleted a job."""


@retry_on_conflict
async def purge(ports: Ports, job_id: str) -> bool:
    """Delete everything of a job that has ended. May be repeated at any time.

    Return whether it is all gone. If not, Azure Batch still deletes its part, or another process is at it:
    call again later. Raise JobNotFoundError, or JobNotEndedError.
    """
    job = await ports.jobs.load(job_id)
    if job.value.purge is None and job.value.outbox:
        job = await load(ports, job_id)
    record, now = job.value, ports.clock.now()
    if record.purge is not None and record.is_claimed(now):
        return False
    if record.purge is None:
        record = await with_webhooks_seen(ports, record)
    if left := what_is_left_to_do(record, now):
        raise JobNotEndedError(record.job_id, left)
    if record.purge is None:
        for use in record.used_by:
            if await goes_on(ports, use):
                left = f"its files are used by its rerun {use.job_id}. Try again when that has ended."
                raise JobNotEndedError(record.job_id, left)
        record = begin_purge(record, now, await ports.ended.request_etag(job_id))
    claim = Claim(holder=new_holder(ports), until=now + CLAIM_TIME)
    job = await ports.jobs.save(record.claimed(record.updated_at, claim), job.etag)
    try:
        with ports.telemetry.about(record.job_id):
            is_gone = await _delete_all(ports, job)
    except (Exception, asyncio.CancelledError):
        await release(ports, record.job_id, claim.holder)
        raise
    if not is_gone:
        await release(ports, record.job_id, claim.holder)
    return is_gone


@retry_on_conflict
async def delete_batch_job(ports: Ports, job_id: str) -> None:
    """Delete only the Batch job of a job that has ended. It is not waited for until it is gone.

    Raise JobNotFoundError, or JobNotEndedError.
    """
    job = await ports.jobs.load(job_id)
    record = await with_webhooks_seen(ports, job.value)
    if left := what_is_left_to_do(record, ports.clock.now()):
        raise JobNotEndedError(record.job_id, left)
    if record.in_batch and not record.batch_job_deleted:
        if await find_own_job(ports, record) is not None:
            await ports.batch.delete_job(record.job_id)
        await ports.jobs.save(without_batch_job(record), job.etag)


async def _delete_all(ports: Ports, job: Versioned[JobRecord]) -> bool:
    record = job.value
    job_id, mark, claim = record.job_id, record.purge, record.claim
    assert mark is not None  # noqa: S101 - the caller has saved both
    assert claim is not None  # noqa: S101
    ends_at = claim.until - LAST_STEP
    if not await _delete_in_batch(ports, record):
        return False
    steps: tuple[Callable[[], Awaitable[None]], ...] = (
        partial(ports.files.delete, job_id),
        partial(ports.events.delete, job_id),
        partial(ports.timelines.delete, job_id),
        partial(ports.finalize.delete, job_id),
        partial(ports.failures.delete, job_id),
        partial(leave, ports, record),
        partial(forget_letters, ports, record),
        partial(forget_webhook_letters, ports, record),
        partial(ports.webhooks.delete, job_id),
        partial(unlist, ports, record),
        partial(ports.jobs.deactivate, job_id),
        partial(ports.ended.delete_parts, job_id),
        partial(ports.ended.delete_request, job_id, mark.request),
        partial(ports.ended.delete_record, job_id, job.etag),
    )
    for step in steps:
        if ports.clock.now() >= ends_at:
            logger.warning("job %s is deleted by the next one who is asked to: time is up", job_id)
            return False
        await step()
    logger.info("job %s is deleted, and all that was left of it", job_id)
    return True


async def _delete_in_batch(ports: Ports, record: JobRecord) -> bool:
    """Delete the Batch job of this record, if there is one. Return whether it is gone.

    As long as it is not, a new job of the same id and content would take it for its own.
    """
    if await find_own_job(ports, record) is None:
        return True
    await ports.batch.delete_job(record.job_id)
    for pause in PAUSES:
        await ports.clock.sleep(pause)
        if await find_own_job(ports, record) is None:
            return True
    logger.info("job %s: Azure Batch is still deleting its part", record.job_id)
    return False
