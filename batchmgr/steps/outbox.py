"""The outbox of a job record: events are saved together with the change that they tell of.

A change and its events are saved in one write of the record. Only then are the events published: appended to
the log, sent to the progress queue, and removed from the outbox. Whoever loads a record publishes what is
still in its outbox first. So an event is published if and only if its change was saved, whichever process
dies at whichever point, and however many processes work on one job.
"""

import functools
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

from batchmgr.errors import JobNotFoundError, RecordChangedError
from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record import JobRecord
from batchmgr.ports import Ports, Versioned
from batchmgr.wire.events import job_event, matches_notify

ATTEMPTS = 10
"""How often a use case runs, at most, when others keep saving the record first."""

P = ParamSpec("P")
R = TypeVar("R")
UseCase = Callable[Concatenate[Ports, P], Coroutine[Any, Any, R]]


async def load(ports: Ports, job_id: str) -> Versioned[JobRecord]:
    """Return the record of a job, its outbox published. Raise JobNotFoundError if there is none."""
    return await flush(ports, await ports.jobs.load(job_id))


async def create(ports: Ports, record: JobRecord) -> Versioned[JobRecord]:
    """Store a new record, publish its first event, and return it; or the record that exists.

    The job is active before it has a record: if the process dies in between, the poller finds the job.
    """
    try:
        return await load(ports, record.job_id)
    except JobNotFoundError:
        pass
    await ports.jobs.activate(record.job_id)
    return await flush(ports, await ports.jobs.create(record.with_outbox([job_event(record)])))


async def commit(
    ports: Ports, job: Versioned[JobRecord], record: JobRecord, events: Sequence[Event]
) -> Versioned[JobRecord]:
    """Save a changed record together with the events that tell of the change; then publish them."""
    return await flush(ports, await ports.jobs.save(record.with_outbox(events), job.etag))


async def commit_state(ports: Ports, job: Versioned[JobRecord], record: JobRecord) -> Versioned[JobRecord]:
    """Save a record in its new state, and publish the event of that state."""
    return await commit(ports, job, record, [job_event(record)])


async def flush(ports: Ports, job: Versioned[JobRecord]) -> Versioned[JobRecord]:
    """Publish the events in the outbox: log each once, send each at least once. Then empty the outbox."""
    record = job.value
    if not record.outbox:
        return job
    logged, offset = await ports.events.append(record.job_id, record.outbox, record.events_offset)
    await ports.sink.send([event for event in logged if matches_notify(event, record.notify)])
    return await ports.jobs.save(record.published(events_offset=offset), job.etag)


def retry_on_conflict(use_case: UseCase[P, R]) -> UseCase[P, R]:
    """Run a use case again from its start if somebody else has saved the record in the meantime.

    Every use case loads the record first and may be repeated at any point, so nothing is done twice. After
    ten conflicts in a row RecordChangedError is raised, and the trigger's own retry repeats the call.
    """

    @functools.wraps(use_case)
    async def retried(ports: Ports, /, *args: P.args, **kwargs: P.kwargs) -> R:
        for _ in range(ATTEMPTS - 1):
            try:
                return await use_case(ports, *args, **kwargs)
            except RecordChangedError:
                continue
        return await use_case(ports, *args, **kwargs)

    return retried
