"""Announce: the record decides, and events follow from it.

Events are saved in the record's outbox, together with the change that they tell of; then they are logged,
sent, and taken from the outbox. Whoever loads a record empties its outbox first. So an event is told if and
only if its change was saved, however many processes work on a job, and wherever one of them dies.
"""

from collections.abc import Sequence
from typing import Any

from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.ports import Ports, Versioned
from batchmgr.wire.events import job_event, wanted


async def load(ports: Ports, job_id: str) -> Versioned[JobRecord]:
    """The record of a job, with everything told that was saved with it. JobNotFoundError."""
    return await tell(ports, await ports.jobs.load(job_id))


async def commit(
    ports: Ports, job: Versioned[JobRecord], record: JobRecord, events: Sequence[Event]
) -> Versioned[JobRecord]:
    """Save a changed record and the events that tell of the change; then tell them."""
    changed = record.change(record.updated_at, outbox=tuple(events))
    return await tell(ports, await ports.jobs.save(changed, job.etag))


async def transition(
    ports: Ports, job: Versioned[JobRecord], to: JobState, **changes: Any
) -> Versioned[JobRecord]:
    """Bring the job into its next state, and tell it. IllegalTransitionError if the table forbids it."""
    record = job.value.advance(to, ports.clock.now(), **changes)
    return await commit(ports, job, record, [job_event(record)])


async def tell(ports: Ports, job: Versioned[JobRecord]) -> Versioned[JobRecord]:
    """Empty the record's outbox: log its events once, send them at least once."""
    record = job.value
    if not record.outbox:
        return job
    logged, offset = await ports.events.append(record.job_id, record.outbox, record.events_offset)
    await ports.sink.send([event for event in logged if wanted(event, record.notify)])
    told = record.change(record.updated_at, outbox=(), events_offset=offset)
    return await ports.jobs.save(told, job.etag)
