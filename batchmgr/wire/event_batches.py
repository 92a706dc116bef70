"""Events in queue messages: a message holds several, as the JSON array of CloudEvents' batch format.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md#4-json-batch-format
"""

import logging
from collections.abc import Iterable, Iterator

import msgspec

from batchmgr.model.cloud_event import Event
from batchmgr.model.size_limits import MAX_EVENT
from batchmgr.wire.json_codec import prepare

MAX_BATCH = MAX_EVENT
"""How many bytes a message holds. In base64, they are 64 KiB."""

logger = logging.getLogger(__name__)

prepare(Event)

_encode = msgspec.json.Encoder().encode


def event_batches(events: Iterable[Event], most: int = MAX_BATCH) -> Iterator[bytes]:
    """Yield the messages of up to `most` bytes that hold these events, in order: as few as possible.

    An event that is too large, as some of earlier versions are, is left out. The log has it.
    """
    parts: list[bytes] = []
    size, room = 0, most - len("[]")
    for event in events:
        part = _encode(event)
        if len(part) > room:
            text = "event %s has %d bytes, too many for a message: it is in the log only"
            logger.error(text, event.id, len(part))
            continue
        if parts and size + len(part) > room:
            yield _array(parts)
            parts, size = [], 0
        parts.append(part)
        size += len(part) + 1
    if parts:
        yield _array(parts)


def _array(parts: list[bytes]) -> bytes:
    return b"[" + b",".join(parts) + b"]"
