"""Repair the list of jobs, from their records.

Jobs that an earlier version has stored have no entry. Others may have one too many, because a process has
died, or because a job was accepted twice at once. A run compares names, and looks only into the records of
such jobs. It is bounded: what is left, the next run finds again.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import timedelta

from batchmgr.errors import BatchmgrError
from batchmgr.model.job_entry import JobEntry, ListPart
from batchmgr.plan.ids import job_key
from batchmgr.ports import Ports

PAGE = 5_000
AT_ONCE = 16
SECONDS = 30
"""How long a run may take until it begins with no more jobs."""

LONGEST_START = timedelta(hours=1)
"""How long an entry may be there before its record."""

logger = logging.getLogger(__name__)

Entries = dict[str, list[JobEntry]]


async def repair_list(ports: Ports) -> None:
    """Add the entries that are missing, and remove those that are wrong. An error stops only one job."""
    begun = ports.clock.now()
    entries = await _entries(ports)  # first: a job that is accepted now has an entry before its record
    active = {job.job_id async for job in ports.jobs.active_jobs()}
    doubtful = {job_key(job_id) async for job_id in _ids(ports)} ^ entries.keys()
    for job_id, found in entries.items():
        if len(found) > 1 or (found[0].part is ListPart.ACTIVE and job_id not in active):
            doubtful.add(job_id)
    repaired = 0
    waiting = sorted(doubtful)
    for start in range(0, len(waiting), AT_ONCE):
        if ports.clock.now() - begun >= timedelta(seconds=SECONDS):
            logger.warning("the list of jobs: %d are left to the next run", len(waiting) - start)
            break
        some = waiting[start : start + AT_ONCE]
        repaired += sum(await asyncio.gather(*(_repair(ports, one, entries.get(one, [])) for one in some)))
    if repaired:
        logger.info("the list of jobs: %d entries are repaired", repaired)


async def _repair(ports: Ports, job_id: str, found: list[JobEntry]) -> int:
    """Let a job have the entry that follows from its record. Return how many entries were changed for it."""
    changed = 0
    try:
        record = await ports.jobs.load_small(job_id)
        right = None if record is None else JobEntry.of(record)
        if right is not None and not any(_is_same(one, right) for one in found):
            await ports.listing.add(right)
            changed += 1
        for one in found:
            is_young = right is None and ports.clock.now() - one.created_at < LONGEST_START
            if not is_young and (right is None or not _is_same(one, right)):
                await ports.listing.remove(one)
                changed += 1
    except BatchmgrError as error:
        logger.warning("the list of jobs: job %s is left to the next run: %s", job_id, error)
    return changed


def _is_same(one: JobEntry, other: JobEntry) -> bool:
    return (one.key, one.part) == (other.key, other.part)


async def _entries(ports: Ports) -> Entries:
    """Return all entries, as far as their keys say, by the ids of their jobs in lower case."""
    found: Entries = defaultdict(list)
    for part in ListPart:
        token = ""
        while True:
            page, token = await ports.listing.keys(part, token)
            for key in page:
                if (entry := JobEntry.of_key(key, part)) is not None:
                    found[entry.job_id].append(entry)
            if not token:
                break
    return dict(found)


async def _ids(ports: Ports) -> AsyncIterator[str]:
    token = ""
    while True:
        page, token = await ports.jobs.list_ids(PAGE, token)
        for job_id in page:
            yield job_id
        if not token:
            return
