"""Appends events to a log as whoever publishes them does: each once, however many writers there are."""

from collections.abc import Sequence

from batchmgr.errors import LogChangedError
from batchmgr.event_log_port import EventLog
from batchmgr.model.cloud_event import Event


async def append(log: EventLog, job_id: str, events: Sequence[Event], offset: int) -> tuple[list[Event], int]:
    """Add the events that the log does not hold after `offset`. Return all events, and where the log ends."""
    while True:
        end = await log.end(job_id, offset)
        known = {event.id: event for event in end.after}
        fresh = [event for event in events if event.id not in known]
        try:
            added, place = await log.append(job_id, fresh, end) if fresh else ((), end.offset)
        except LogChangedError:
            continue
        known |= {event.id: event for event in added}
        return [known[event.id] for event in events], place
