"""An event, as a value: a CloudEvent 1.0."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

SOURCE = "/batchmgr"

_decode = msgspec.json.Decoder(dict[str, object]).decode


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One CloudEvent. Two events with the same `id` are the same event, published twice.

    `body` is its data in JSON: it is written several times, and read only by few.

    `sequence` follows the CloudEvents sequence extension: ten digits, so that the order of the strings is the
    order of the numbers. It is empty until the event is in its job's log. `traceparent` follows the
    distributed tracing extension: it is that of the job.
    """

    id: str
    type: str
    subject: str
    time: datetime
    body: msgspec.Raw = msgspec.field(name="data")
    sequence: str = ""
    specversion: str = "1.0"
    source: str = SOURCE
    datacontenttype: str = "application/json"
    traceparent: str | msgspec.UnsetType = msgspec.UNSET

    @property
    def data(self) -> dict[str, object]:
        """Return the data of the event."""
        return _decode(self.body)

    def numbered(self, number: int) -> "Event":
        """Return the event with its place in the job's log, counted from 1."""
        return msgspec.structs.replace(self, sequence=f"{number:010d}")


@dataclass(frozen=True, kw_only=True)
class LogEnd:
    """The end of a job's log, with the number of the last event, and the events after an earlier offset."""

    offset: int
    last: int
    after: Sequence[Event] = ()
