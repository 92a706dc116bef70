"""The line: jobs that wait for Azure Batch's quota of active jobs, let in by priority, then by age.

The line is kept in storage, one ticket a job. Nobody holds it, so a process that dies holds nothing up. The
ticket of a job that no longer waits may be left over: whoever meets it at the head of the line removes it. A
job whose ticket was lost gets a new one after five minutes.
"""

from datetime import datetime, timedelta
from enum import Enum

from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.model.ticket import Ticket, new_ticket
from batchmgr.model.waiting_for import ObstacleKind
from batchmgr.plan.ids import job_key
from batchmgr.ports import Ports
from batchmgr.wire.events import obstacle_events

LOOK_AFTER = timedelta(minutes=5)
"""How long a job waits in the line before the poller looks whether it is still in it."""

BEHIND = "The Batch account's quota of active jobs is used up, and other jobs wait before this one."


class Turn(Enum):
    """What has come of one try to submit a job that stands in the line."""

    LET_IN = "its Batch job is there"
    REFUSED = "Azure Batch takes no more jobs now"
    PASSED = "it is not to be submitted now, or another process does it"


def in_line(record: JobRecord, ticket: Ticket, now: datetime, reason: str = BEHIND) -> JobRecord:
    """Return the record of a job that stands in the line. One that stood in it keeps its reason."""
    return record.in_line(now, ticket.name, reason=reason, until=now + LOOK_AFTER)


def waiting_events(before: JobRecord, record: JobRecord) -> list[Event]:
    """Return the event that the job has joined the line; none for one that was in it before."""
    return [] if before.tries(ObstacleKind.QUOTA) else obstacle_events(record)


def is_waiting(record: JobRecord) -> bool:
    """Return whether the job is still to be created in Azure Batch."""
    is_under_way = record.state in {JobState.QUEUED, JobState.SUBMITTING}
    return is_under_way and not record.in_batch and not record.must_end


async def is_next(ports: Ports, record: JobRecord) -> bool:
    """Return whether no job of the line goes before this one, which may have no ticket yet. One call."""
    first = next(iter(await ports.line.first(limit=1)), None)
    if first is None or first.key == job_key(record.job_id):
        return True
    if record.submission.ticket or ports.fair_share:
        return False
    return _new_ticket(ports, record) < first


async def join(ports: Ports, record: JobRecord) -> Ticket:
    """Put the job into the line, at its old place if it has one. The ticket is to be saved in its record."""
    ticket = Ticket.of(record.submission.ticket)
    if ticket is None:
        line = await ports.line.first() if ports.fair_share else ()
        ticket = next((one for one in line if one.key == job_key(record.job_id)), None)
        ticket = ticket or _new_ticket(ports, record, *line)
    await ports.line.join(ticket)
    return ticket


async def leave(ports: Ports, record: JobRecord) -> None:
    """Take the job out of the line, if it is in it."""
    ticket = Ticket.of(record.submission.ticket)
    if ticket is not None:
        await ports.line.leave(ticket)


async def place_in_line(ports: Ports, record: JobRecord) -> int:
    """Return the place of the job: 1 is next. Return 0 if it is not in the line, or far behind. One call."""
    if not record.submission.ticket or not is_waiting(record):
        return 0
    names = [ticket.name for ticket in await ports.line.first()]
    return names.index(record.submission.ticket) + 1 if record.submission.ticket in names else 0


def _new_ticket(ports: Ports, record: JobRecord, *line: Ticket) -> Ticket:
    return new_ticket(
        job_id=record.job_id,
        priority=record.priority,
        created_at=record.created_at,
        caller=record.metadata.get(ports.fair_share, "") if ports.fair_share else "",
        line=line,
    )
