"""Follow a job: its record as it is now, and again each time that it has changed, for some time."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta

from batchmgr.model.job_record import JobRecord
from batchmgr.ports import Ports, Versioned


async def follow(ports: Ports, job_id: str, time: timedelta) -> AsyncGenerator[Versioned[JobRecord], None]:
    """Yield the record at once, and each later one until the time is up. Raise JobNotFoundError.

    Not every change is seen: of several in a second, it is the last.
    """
    ends_at = asyncio.get_running_loop().time() + time.total_seconds()
    job = await ports.jobs.load(job_id)
    yield job
    while time:
        try:
            async with asyncio.timeout_at(ends_at):
                record, etag = await ports.followers.changed(job.value, job.etag)
        except TimeoutError:
            return
        job = Versioned(value=record, etag=etag)
        yield job
