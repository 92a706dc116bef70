"""The outbox of a job record: events are saved together with the change that they tell of.

A change and its events are saved in one write of the record. Only then are the events published: appended to
the log, sent to the progress queue, and removed from the outbox; webhooks are told of them meanwhile. Whoever
loads a record publishes what is still in its outbox first. So an event is published if and only if its change
was saved, whichever process dies at whichever point, and however many processes work on one job.

What Azure Batch says about tasks can be asked again. Its events may be thousands, so they are published first
and the record is saved then (`publish_observed`): whoever repeats the step finds them in the log.

The record says where the log ends. An append goes there, and fails if the log has been continued: only then
is its end read.

No job waits for the progress queue. What can't be sent stays in the log, and the record says from where on.
Later it is read from there and sent; what is older than an hour is left out, and a log line says so.
"""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar

from batchmgr.errors import (
    JobNotFoundError,
    LogChangedError,
    RecordChangedError,
    ServiceBusyError,
    ServiceError,
)
from batchmgr.model.cloud_event import Event, LogEnd
from batchmgr.model.job_entry import JobEntry
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_record_parts import Unsent
from batchmgr.ports import Ports, Versioned
from batchmgr.steps.tell_telemetry import tell_published
from batchmgr.steps.tell_webhooks import start_webhooks, with_wanted
from batchmgr.wire.events import JOB_PROGRESS, job_event, matches_notify

logger = logging.getLogger(__name__)

ATTEMPTS = 10
"""How often a use case runs, at most, when others keep saving the record first."""

SENT_AT_ONCE = 250
LONGEST_SEND = timedelta(seconds=5)
"""How long one change of a job waits for the progress queue."""

CATCH_UP = 1000
"""How many events are read from the log at once, if the progress queue is behind."""

LONGEST_LAG = timedelta(hours=1)
"""How long the progress queue may fail before events are left out."""

P = ParamSpec("P")
R = TypeVar("R")
UseCase = Callable[Concatenate[Ports, P], Coroutine[Any, Any, R]]


async def load(ports: Ports, job_id: str) -> Versioned[JobRecord]:
    """Return the record of a job, its outbox published. Raise JobNotFoundError if there is none."""
    return await flush(ports, await ports.jobs.load(job_id))


async def create(
    ports: Ports, record: JobRecord, *, is_announced: bool = True, is_new: bool = False
) -> Versioned[JobRecord]:
    """Store a new record, publish its first event, and return it; or the record that exists.

    If it is not announced, there is no event. The job is active, and in the list of jobs, before it has a
    record: if the process dies in between, the poller finds the job.

    `is_new`: most likely there is no record, so none is looked for.
    """
    if not is_new:
        with suppress(JobNotFoundError):
            return await load(ports, record.job_id)
    entry = JobEntry.of(record)
    await asyncio.gather(ports.jobs.activate(record.job_id), ports.listing.add(entry))
    events = [job_event(record)] if is_announced else []
    job = await ports.jobs.create(record.with_outbox(events))
    if job.value.created_at != record.created_at:  # somebody else has created it
        await ports.listing.remove(entry)
    return await flush(ports, job)


async def commit(
    ports: Ports,
    job: Versioned[JobRecord],
    record: JobRecord,
    events: Sequence[Event],
    *,
    is_saved_soon: bool = False,
) -> Versioned[JobRecord]:
    """Save a changed record together with the events that tell of the change; then publish them.

    Events that were in its outbox before are published first. For `is_saved_soon` see `flush`.
    """
    saved = await ports.jobs.save(record.with_outbox([*record.outbox, *events]), job.etag)
    return await flush(ports, saved, is_saved_soon=is_saved_soon)


async def commit_state(ports: Ports, job: Versioned[JobRecord], record: JobRecord) -> Versioned[JobRecord]:
    """Save a record in its new state, and publish the event of that state."""
    return await commit(ports, job, record, [job_event(record)])


async def flush(
    ports: Ports, job: Versioned[JobRecord], *, is_saved_soon: bool = False
) -> Versioned[JobRecord]:
    """Publish the events in the outbox: log each once, send each at least once. Then empty the outbox.

    `is_saved_soon`: the caller saves the record again in a moment, and with that its empty outbox. If the
    process dies before, whoever loads the record finds the events in the log, and sends them once more.
    """
    record = job.value
    if not record.outbox:
        return job
    end = _supposed_end(record)
    while True:
        end = end or await ports.events.end(record.job_id, record.events_offset)
        try:
            logged, offset = await _log(ports, record, record.outbox, end)
            break
        except LogChangedError:  # somebody else has logged events; these come after them
            end = None
    unsent = record.unsent or await _send(ports, record, logged)
    own = {event.id for event in record.outbox}
    is_observed = record.observed_offset == record.events_offset and own.issuperset(e.id for e in end.after)
    last = _last(logged, end)
    done = record.published(offset=offset, last=last, is_observed=is_observed, unsent=unsent)
    done = with_wanted(done, logged)
    saved = Versioned(value=done, etag=job.etag)
    if not is_saved_soon:
        saved = await ports.jobs.save(done, job.etag)
    start_webhooks(ports, saved.value, record)
    tell_published(ports.telemetry, record, record.outbox, ports.clock.now())
    return saved


def _supposed_end(record: JobRecord) -> LogEnd | None:
    """Return where the log ends, as the record says, if it has events. An append there finds out if not."""
    return LogEnd(offset=record.events_offset, last=record.last_event) if record.last_event else None


async def after_end_of_log(
    ports: Ports,
    job: Versioned[JobRecord],
    publish: Callable[[Versioned[JobRecord], LogEnd], Awaitable[R]],
) -> R:
    """Have events of an observation published after the end of the log. Return what `publish` returns.

    The end comes with the events that were logged since the last observation was saved. Among them are those
    of a process that was stopped between its append and its save; the numbers of its changes of the counts
    are taken then. The end is looked up only if the log does not end where the record says: `publish` is
    called again in that case.
    """
    record = job.value
    if record.observed_offset == record.events_offset and (supposed := _supposed_end(record)) is not None:
        with suppress(LogChangedError):
            return await publish(job, supposed)
    end = await _end_of_log(ports, job)
    told = sum(event.type == JOB_PROGRESS for event in end.after)
    return await publish(Versioned(value=record.with_count_changes(told), etag=job.etag), end)


async def _end_of_log(ports: Ports, job: Versioned[JobRecord]) -> LogEnd:
    """Look up the end of the log, for an observation.

    Nobody else may have saved the record since it was loaded: events of the past would follow those of the
    end. Raise RecordChangedError then.
    """
    record = job.value
    end = await ports.events.end(record.job_id, record.observed_offset)
    if end.after and (await ports.jobs.load(record.job_id)).etag != job.etag:
        raise RecordChangedError(f"the record of job {record.job_id!r} has changed")
    return end


async def publish_observed(
    ports: Ports,
    job: Versioned[JobRecord],
    record: JobRecord,
    events: Sequence[Event],
    end: LogEnd,
    *,
    sends_later: bool = False,
) -> Versioned[JobRecord]:
    """Publish events, and save the changed record after that. It need not hold them: there may be thousands.

    `end` is where the log ended just before. With `sends_later`, the events are only logged: `catch_up` sends
    them.

    This is for events that are found again by whoever repeats the step, with the same ids.
    """
    logged, offset = await _log(ports, record, record.traced(events), end)
    unsent = record.unsent
    if unsent is None and sends_later and logged:
        unsent = Unsent(first=int(logged[0].sequence), since=ports.clock.now())
    unsent = unsent or await _send(ports, record, logged)
    last = _last(logged, end)
    done = record.published(offset=offset, last=last, is_observed=True, unsent=unsent)
    saved = await ports.jobs.save(with_wanted(done, logged), job.etag)
    start_webhooks(ports, saved.value, record)
    tell_published(ports.telemetry, record, events, ports.clock.now())
    return saved


async def _log(
    ports: Ports, record: JobRecord, events: Sequence[Event], end: LogEnd
) -> tuple[Sequence[Event], int]:
    """Add the events that the log does not hold. Return all that come after, and where the log ends.

    These may be more: a process that has died may have logged some without sending them.
    """
    known = {event.id for event in end.after}
    fresh = [event for event in events if event.id not in known]
    if not fresh:
        return end.after, end.offset
    added, offset = await ports.events.append(record.job_id, fresh, end)
    return [*end.after, *added], offset


def _last(logged: Sequence[Event], end: LogEnd) -> int:
    """Return the number of the last event in the log."""
    return int(logged[-1].sequence) if logged else end.last


async def catch_up(ports: Ports, job: Versioned[JobRecord]) -> Versioned[JobRecord]:
    """Send events that the progress queue has missed; leave out what it misses for too long."""
    record, now = job.value, ports.clock.now()
    if record.unsent is None:
        return job
    unsent = await _send_from(ports, record, record.unsent.first)
    if unsent is not None and unsent.first == record.unsent.first:
        if now - record.unsent.since <= LONGEST_LAG:
            return job
        logger.error("job %s: its events from %d on stay in its log only", record.job_id, unsent.first)
        unsent = None
    return await _note_sent(ports, job, unsent)


async def _note_sent(ports: Ports, job: Versioned[JobRecord], unsent: Unsent | None) -> Versioned[JobRecord]:
    """Save how far the events were sent. They are not sent again because somebody has saved the record since.

    Events that were logged since are still to be sent: then the next one to catch up goes on.
    """
    before = (job.value.unsent, job.value.events_offset)
    for _ in range(ATTEMPTS - 1):
        try:
            return await ports.jobs.save(job.value.sent(unsent), job.etag)
        except RecordChangedError:
            job = await load(ports, job.value.job_id)
            if (job.value.unsent, job.value.events_offset) != before:
                return job
    return await ports.jobs.save(job.value.sent(unsent), job.etag)


async def _send_from(ports: Ports, record: JobRecord, first: int) -> Unsent | None:
    """Send what is in the log from `first` on, for some seconds. Return where to go on, if there is more."""
    begun = ports.clock.now()
    while True:
        missed = await ports.events.read(record.job_id, first - 1, CATCH_UP)
        unsent = await _send(ports, record, missed)
        if unsent is not None or len(missed) < CATCH_UP:
            return unsent
        first = int(missed[-1].sequence) + 1
        if (now := ports.clock.now()) - begun > LONGEST_SEND:
            return Unsent(first=first, since=now)


async def _send(ports: Ports, record: JobRecord, events: Sequence[Event]) -> Unsent | None:
    """Send the events that the job's `notify` selects. If that fails, return where to begin again."""
    begun = ports.clock.now()
    for start in range(0, len(events), SENT_AT_ONCE):
        some = events[start : start + SENT_AT_ONCE]
        try:
            if ports.clock.now() - begun > LONGEST_SEND:
                raise ServiceBusyError("the progress queue is slow")
            if selected := [event for event in some if matches_notify(event, record.notify)]:
                await ports.sink.send(selected)
        except ServiceError as error:
            first = min(int(event.sequence) for event in events[start:])
            if record.unsent is None:
                logger.warning(
                    "job %s: its events from %d on are sent later: %s", record.job_id, first, error
                )
            return Unsent(first=first, since=ports.clock.now())
    return None


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
