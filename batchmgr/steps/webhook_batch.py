"""The next batch of events of a webhook: read from the log of its job, in order."""

from collections.abc import AsyncIterator, Sequence

from batchmgr.model.cloud_event import Event
from batchmgr.model.size_limits import KIB, size_of
from batchmgr.model.webhook import WebhookStatus
from batchmgr.ports import Ports
from batchmgr.wire.events import matches_notify

MOST_EVENTS = 100
MOST_BYTES = 256 * KIB
"""What one request of a webhook holds at most. An event has 48 KiB at most, so each fits."""

READ_AT_ONCE = 500
"""How many events are read from the log at once."""


async def next_batch(
    ports: Ports, job_id: str, patterns: Sequence[str], status: WebhookStatus
) -> Sequence[Event]:
    """Return the next events that match the patterns, as many as a request holds; none if there are none.

    A batch that was sent and is not delivered has the same events again, however long the log is by now.
    """
    batch, room = list[Event](), MOST_BYTES - len("[]")
    async for event in _after(ports, job_id, status.cursor):
        if status.repeats and int(event.sequence) > status.through:
            break
        if not matches_notify(event, patterns):
            continue
        room -= size_of(event) + len(",")
        if batch and (len(batch) == MOST_EVENTS or room < 0):
            break
        batch.append(event)
    return batch


async def _after(ports: Ports, job_id: str, sequence: int) -> AsyncIterator[Event]:
    while True:
        events = await ports.events.read(job_id, sequence, READ_AT_ONCE)
        for event in events:
            yield event
        if len(events) < READ_AT_ONCE:
            return
        sequence = int(events[-1].sequence)
