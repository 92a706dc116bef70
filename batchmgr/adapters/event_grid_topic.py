"""An Event Grid topic as a second place that events are sent to: from there they go to whoever subscribes.

Source: https://learn.microsoft.com/azure/event-grid/cloud-event-schema
"""

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec
from azure.eventgrid.aio import EventGridPublisherClient

from batchmgr.adapters.pausing_sink import PausingSink
from batchmgr.adapters.service_errors import service_errors
from batchmgr.model.cloud_event import Event
from batchmgr.queue_ports import EventSink
from batchmgr.wire.event_batches import event_batches

SERVICE = "Event Grid"
MAX_REQUEST = 1_000_000
"""How many bytes of events one request may have. An event has 48 KiB at most.

Source: https://learn.microsoft.com/azure/event-grid/quotas-limits
"""


class EventGridTopic(PausingSink):
    """The EventSink port: a custom topic with the CloudEvents schema."""

    def __init__(self, client: EventGridPublisherClient, endpoint: str) -> None:
        super().__init__(f"the topic {urlsplit(endpoint).hostname}", SERVICE)
        self._client = client

    async def send_all(self, events: Sequence[Event]) -> None:
        """Send events, a megabyte a request. Raise ServiceError if the topic does not take them."""
        for body in event_batches(events, MAX_REQUEST):
            await self._post(body)

    async def look(self) -> None:
        """Do nothing: a topic can't be asked whether it would take an event."""

    async def _post(self, body: bytes) -> None:
        events: list[dict[str, Any]] = msgspec.json.decode(body)
        with service_errors(SERVICE):
            await self._client.send(events)


class EventSinks:
    """The EventSink port: several places. Each gets all events, and those that one did not take again."""

    def __init__(self, *sinks: EventSink) -> None:
        self._sinks = sinks

    async def send(self, events: Sequence[Event]) -> None:
        """Send events to all places at the same time. Raise the ServiceError of the first that failed."""
        sent = (sink.send(events) for sink in self._sinks)
        _raise_first(await asyncio.gather(*sent, return_exceptions=True))

    async def check(self) -> None:
        """Raise ServiceError if one of the places can't take events."""
        checked = (sink.check() for sink in self._sinks)
        _raise_first(await asyncio.gather(*checked, return_exceptions=True))


def _raise_first(results: Sequence[BaseException | None]) -> None:
    for result in results:
        if result is not None:
            raise result
