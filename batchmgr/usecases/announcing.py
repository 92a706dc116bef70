"""Announce: events go to the job's log first, then to those who asked, then the record remembers it.

Whatever is lost in between is done again from the record; ids are deterministic, so the log keeps one each.
"""

from collections.abc import Sequence
from typing import Any

from batchmgr.model.job import JobRecord
from batchmgr.model.states import JobState
from batchmgr.ports import Ports, Versioned
from batchmgr.wire.events import Event, job_event, wanted


async def publish(ports: Ports, record: JobRecord, events: Sequence[Event]) -> int:
    """Log and send events of a record whose state is announced; the log's new offset, for the record."""
    if not events:
        return record.events_offset
    logged, offset = await ports.events.append(record.job_id, events, record.events_offset)
    await ports.sink.send([event for event in logged if wanted(event, record.notify)])
    return offset


async def announce(ports: Ports, job: Versioned[JobRecord]) -> Versioned[JobRecord]:
    """Tell the job's state, unless that is done."""
    record = job.value
    if record.announced is record.state:
        return job
    offset = await publish(ports, record, [job_event(record, record.updated_at)])
    told = record.change(record.updated_at, announced=record.state, events_offset=offset)
    return await ports.jobs.save(told, job.etag)


async def transition(
    ports: Ports, job: Versioned[JobRecord], to: JobState, **changes: Any
) -> Versioned[JobRecord]:
    """Bring the job into its next state: saved first, since that decides, then told."""
    job = await announce(ports, job)
    saved = await ports.jobs.save(job.value.advance(to, ports.clock.now(), **changes), job.etag)
    return await announce(ports, saved)
