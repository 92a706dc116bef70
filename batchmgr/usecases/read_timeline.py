"""Read when the tasks of a job have run: from its log, and only what has been added since the last time.

What was read is kept when it is much. A job that is looked at again and again is read once.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from batchmgr.errors import ServiceError
from batchmgr.model.job_record import JobRecord
from batchmgr.model.timeline import Timeline, TimelineWriter
from batchmgr.ports import Ports
from batchmgr.wire.timeline_answer import pack, tasks_told, unpack

SAVED_AFTER = 20_000
"""Of how many tasks the log has to tell anew until what was read is kept. To read so many takes 0.1 s."""

logger = logging.getLogger(__name__)


async def read_timeline(ports: Ports, record: JobRecord) -> Timeline:
    """Return the timeline of a job up to the end of its log."""
    kept = await ports.timelines.load(record.job_id)
    timeline = unpack(record, kept) if kept else None
    timeline = timeline or Timeline(origin=record.created_at)
    writer, told = TimelineWriter(timeline), 0
    async with aclosing(_portions(ports, record.job_id, timeline.offset)) as read:
        async for lines, offset in read:
            for task in tasks_told(lines):
                writer.add(task)
                told += 1
            timeline.offset = offset
    if told >= SAVED_AFTER:
        try:
            await ports.timelines.save(record.job_id, pack(record, timeline))
        except ServiceError as error:
            logger.warning("the timeline of job %s is not kept: %s", record.job_id, error)
    return timeline


async def _portions(ports: Ports, job_id: str, offset: int) -> AsyncGenerator[tuple[bytes, int], None]:
    """Yield the lines of a log from an offset on, and where they end. The next ones are fetched meanwhile."""
    lines, offset = await ports.events.lines(job_id, offset)
    while lines:
        following = asyncio.create_task(ports.events.lines(job_id, offset))
        await asyncio.sleep(0)  # it is asked for before these lines are decoded, which takes a while
        try:
            yield lines, offset
            lines, offset = await following
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
