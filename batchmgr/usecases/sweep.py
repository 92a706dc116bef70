"""Sweep what was stored for jobs that have no record: theirs is never deleted with them.

A process may die after it has stored a request or a plan, and before the job is active and has a record; the
caller has had no answer, and may never send the job again. Or a process that was stopped for long stores
something of a job after it was deleted.

What is left is given a record that says that it is being deleted. A record can only be made once: either the
job is accepted in this moment, and stays, or it is not, until all is gone. `purge` does the rest, and whoever
is stopped leaves a record by which the next run finds it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import timedelta

from msgspec.structs import replace

from batchmgr.errors import BatchmgrError, ServiceRefusedError
from batchmgr.model.retention import Retention, record_of_leftovers
from batchmgr.ports import Ports
from batchmgr.usecases.purge import purge

logger = logging.getLogger(__name__)

SHORTEST = timedelta(days=1)
"""How long what is stored is left alone, however short jobs are kept: a message may wait for its turn."""

MOST_JOBS = 1_000
"""After how many jobs a run stops."""

SECONDS = 30
"""How long a run may take until it begins no other page."""

AT_ONCE = 16


async def sweep(ports: Ports) -> int:
    """Delete what is left of jobs without a record, up to the bounds of a run. Return of how many jobs."""
    if ports.keep.jobs is None:
        return 0
    begun, removed, first = ports.clock.now(), 0, await ports.ended.place()
    async for token, keys in _pages(ports, first.parts):
        if removed >= MOST_JOBS or ports.clock.now() - begun >= timedelta(seconds=SECONDS):
            logger.warning("retention: there is more that belongs to no job, the next run goes on")
            await ports.ended.save_place(replace(await ports.ended.place(), parts=token))
            return removed
        removed += sum([await _remove(ports, some) for some in _groups(await _leftovers(ports, keys))])
    if first.parts:
        await ports.ended.save_place(replace(await ports.ended.place(), parts=""))
    return removed


async def find_leftovers(ports: Ports) -> AsyncIterator[str]:
    """Yield the jobs of which `sweep` would delete something, by their keys. Nothing is changed."""
    if ports.keep.jobs is None:
        return
    told = set[str]()
    async for _, keys in _pages(ports, ""):
        for key in await _leftovers(ports, [key for key in keys if key not in told]):
            told.add(key)
            yield key


def time_to_keep(keep: Retention) -> timedelta:
    """Return how long something is kept that belongs to no job."""
    return max(keep.jobs or SHORTEST, SHORTEST)


async def _pages(ports: Ports, token: str) -> AsyncIterator[tuple[str, Sequence[str]]]:
    """Yield pages of jobs of which something old is stored, each with the token that it has."""
    before = ports.clock.now() - time_to_keep(ports.keep)
    try:
        keys, following = await ports.ended.parts(before, token)
    except ServiceRefusedError:  # the token is no longer good: all from the beginning
        token = ""
        keys, following = await ports.ended.parts(before, token)
    while True:
        yield token, keys
        if not following:
            return
        token = following
        keys, following = await ports.ended.parts(before, token)


async def _leftovers(ports: Ports, keys: Sequence[str]) -> Sequence[str]:
    """Return which of these have no record, and are not active: those the poller would restore."""
    found: list[str] = []
    for some in _groups(keys):
        missing = await asyncio.gather(*(_has_no_record(ports, key) for key in some))
        found += [key for key, is_missing in zip(some, missing, strict=True) if is_missing]
    if not found:
        return found
    active = {job.job_id async for job in ports.jobs.active_jobs()}
    return [key for key in found if key not in active]


async def _has_no_record(ports: Ports, key: str) -> bool:
    try:
        return await ports.jobs.load_small(key) is None
    except BatchmgrError as error:
        logger.warning("retention: job %s is left to the next run: %s", key, error)
        return False


async def _remove(ports: Ports, keys: Collection[str]) -> int:
    return sum(await asyncio.gather(*(_remove_one(ports, key) for key in keys)))


async def _remove_one(ports: Ports, key: str) -> bool:
    try:
        request = await ports.ended.request_etag(key)
        made = await ports.jobs.create(record_of_leftovers(key, ports.clock.now(), request))
        if made.value.purge is None:  # somebody has accepted it
            return False
        logger.info("job %s has no record: what is left of it is deleted", key)
        return await purge(ports, key)
    except BatchmgrError as error:
        logger.warning("retention: job %s is left to the next run: %s", key, error)
        return False


def _groups(keys: Sequence[str]) -> Sequence[Sequence[str]]:
    return [keys[start : start + AT_ONCE] for start in range(0, len(keys), AT_ONCE)]
