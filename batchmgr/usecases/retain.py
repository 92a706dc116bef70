"""Keep what is left of ended jobs for as long as the settings and the jobs say, and no longer.

A run looks at every record through a listing, 5,000 a call, which shows when a job has ended. Only jobs that
are due are loaded. A run is bounded: the next one goes on where it was stopped. What the listing shows is a
hint: whether a job has ended, and nothing is left to do for it, is decided by its record.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from batchmgr.errors import BatchmgrError, JobNotEndedError, JobNotFoundError, ServiceRefusedError
from batchmgr.model.retention import Due, EndedJob, RetentionPlace
from batchmgr.ports import Ports
from batchmgr.usecases.purge import delete_batch_job, purge
from batchmgr.usecases.sweep import find_leftovers, sweep, time_to_keep

logger = logging.getLogger(__name__)

MOST_JOBS = 2_000
"""How many jobs one run deletes, or has their Batch jobs deleted."""

SECONDS = 60
"""How long a run may take until it stops at the next job."""

AT_ONCE = 16
MOST_OTHERS = 1_000
"""How many dead letters, how many uploads, and how many finalize blobs a run looks at."""

SIGNAL_TIME = timedelta(days=1)
"""How long a finalize blob is left alone that belongs to no active job. Usually it goes when its job ends."""


@dataclass(frozen=True, kw_only=True)
class DueItem:
    """Something that is due to go. `name` is the id of a job, the name of a blob, or that of a queue."""

    what: str
    name: str
    why: str


async def retain(ports: Ports, *, most_jobs: int = MOST_JOBS) -> None:
    """Delete what is due, up to the bounds of a run. An error with one thing does not stop the others."""
    begun, done = ports.clock.now(), Counter[str]()
    for step in (_remove_messages, _remove_letters, _remove_uploads, _remove_signals):
        try:
            await step(ports, begun, done)
        except BatchmgrError as error:
            logger.warning("retention: %s", error)
    await _remove_jobs(ports, begun, most_jobs, done)
    done["jobs without a record"] = await sweep(ports)
    if done := +done:
        counts = ", ".join(f"{number} {what}" for what, number in sorted(done.items()))
        logger.info("retention: %s", counts)


async def find_due(ports: Ports) -> AsyncIterator[DueItem]:
    """Yield all that is due now, without a bound. Nothing is changed."""
    now, keep = ports.clock.now(), ports.keep
    async for _, page in _pages(ports, RetentionPlace()):
        for job in page:
            if item := await _due_item(ports, job, now):
                yield item
    if keep.messages is not None:
        why = f"older than {_days(keep.messages)}"
        for queue, count in (await ports.old_messages.count(now - keep.messages)).items():
            yield DueItem(what=f"{count} messages", name=queue, why=why)
        if letters := await ports.dead_letters.older(now - keep.messages, MOST_OTHERS):
            yield DueItem(what=f"{len(letters)} letters", name="dead-letters", why=why)
        for name in await ports.uploads.older(now - keep.messages, MOST_OTHERS):
            yield DueItem(what="upload", name=name, why=why)
    async for key in find_leftovers(ports):
        yield DueItem(what="leftovers", name=key, why=f"older than {_days(time_to_keep(keep))}")
    for job_id in await ports.finalize.older(now - SIGNAL_TIME, MOST_OTHERS):
        if await _is_over(ports, job_id):
            yield DueItem(what="finalize blob", name=job_id, why="its job has ended, or is gone")


async def _due_item(ports: Ports, job: EndedJob, now: datetime) -> DueItem | None:
    """Return what is due of a job, by its record, as a run would find it."""
    if job.due(ports.keep, now) is Due.NOTHING:
        return None
    try:
        record = (await ports.jobs.load(job.job_id)).value
    except JobNotFoundError:
        return None
    if not record.state.is_final:
        return None
    seen = EndedJob.of(record)
    due = seen.due(ports.keep, now)
    if due is Due.NOTHING:
        return None
    kept = seen.kept_for(ports.keep) if due is Due.EVERYTHING else ports.keep.batch_jobs
    why = f"ended {seen.ended_at:%Y-%m-%d}" + (f", kept for {_days(kept)}" if kept else "")
    if seen.is_purging:
        why = "somebody has begun to delete it"
    return DueItem(what="job" if due is Due.EVERYTHING else "Batch job", name=record.job_id, why=why)


async def _remove_jobs(ports: Ports, begun: datetime, most: int, done: Counter[str]) -> None:
    first, left = await ports.ended.place(), most
    async for place, page in _pages(ports, first):
        due = [job for job in page if job.due(ports.keep, begun) is not Due.NOTHING]
        for start in range(0, max(1, len(due)), AT_ONCE):  # once also if nothing is due: to list takes time
            if left <= 0 or ports.clock.now() - begun >= timedelta(seconds=SECONDS):
                logger.warning("retention: there is more than one run lets go of, the next one goes on")
                await ports.ended.save_place(replace(place, parts=first.parts))
                return
            some = due[start : start + AT_ONCE]
            await asyncio.gather(*(_remove(ports, job, begun, done) for job in some))
            left -= len(some)
            if some:
                place = RetentionPlace(token=place.token, after=some[-1].job_id)
    if first.token or first.after:
        await ports.ended.save_place(RetentionPlace(parts=first.parts))


async def _pages(
    ports: Ports, place: RetentionPlace
) -> AsyncIterator[tuple[RetentionPlace, Sequence[EndedJob]]]:
    """Yield the pages of the listing from a place on, each with the place where it begins."""
    try:
        page, following = await ports.ended.page(place.token)
    except ServiceRefusedError:  # the token is no longer good: all from the beginning
        place = RetentionPlace()
        page, following = await ports.ended.page("")
    while True:
        yield place, [job for job in page if job.job_id > place.after]
        if not following:
            return
        place = RetentionPlace(token=following)
        page, following = await ports.ended.page(following)


async def _remove(ports: Ports, job: EndedJob, now: datetime, done: Counter[str]) -> None:
    """Delete what is due of a job. Log an error, which the next round may not meet."""
    try:
        record = (await ports.jobs.load(job.job_id)).value
        due = EndedJob.of(record).due(ports.keep, now) if record.state.is_final else Due.NOTHING
        if due is Due.EVERYTHING and await purge(ports, job.job_id):
            done["jobs"] += 1
        elif due is Due.BATCH_JOB:
            await delete_batch_job(ports, job.job_id)
            done["Batch jobs"] += 1
    except (JobNotFoundError, JobNotEndedError) as error:
        logger.info("retention: %s", error)
    except BatchmgrError as error:
        logger.warning("retention: job %s is left to the next round: %s", job.job_id, error)
    except Exception:
        logger.exception("retention: job %s is left to the next round", job.job_id)


async def _remove_messages(ports: Ports, now: datetime, done: Counter[str]) -> None:
    if ports.keep.messages is not None:
        removed = await ports.old_messages.remove(now - ports.keep.messages)
        done.update({f"messages of {queue}": count for queue, count in removed.items()})


async def _remove_letters(ports: Ports, now: datetime, done: Counter[str]) -> None:
    if ports.keep.messages is not None:
        for letter_id in await ports.dead_letters.older(now - ports.keep.messages, MOST_OTHERS):
            await ports.dead_letters.remove(letter_id)
            done["dead letters"] += 1


async def _remove_uploads(ports: Ports, now: datetime, done: Counter[str]) -> None:
    if ports.keep.messages is not None:
        for name in await ports.uploads.older(now - ports.keep.messages, MOST_OTHERS):
            await ports.uploads.delete(name)
            done["uploads"] += 1


async def _remove_signals(ports: Ports, now: datetime, done: Counter[str]) -> None:
    """Delete finalize blobs that came after the end of their job, or without one."""
    for job_id in await ports.finalize.older(now - SIGNAL_TIME, MOST_OTHERS):
        if await _is_over(ports, job_id):
            await ports.finalize.delete(job_id)
            done["finalize blobs"] += 1


async def _is_over(ports: Ports, job_id: str) -> bool:
    try:
        return (await ports.jobs.load(job_id)).value.state.is_final
    except JobNotFoundError:
        return True


def _days(time: timedelta) -> str:
    days = time / timedelta(days=1)
    return f"{days:g} days" if days >= 1 else str(time)
