"""Writes events that could not be delivered to a blob container.

Sources: https://learn.microsoft.com/azure/event-grid/manage-event-delivery
https://learn.microsoft.com/azure/event-grid/delivery-and-retry
"""

import json
import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob.aio import ContainerClient

from functions_host.event_grid.event_clock import EventClock
from functions_host.event_grid.event_subscription import EventSubscription
from functions_host.event_grid.storage_event import StorageEvent, event_time

_DELAY_SECONDS = 5 * 60
_RETRY_SECONDS = 60
_GIVE_UP_SECONDS = 4 * 60 * 60

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class DeadLetterReason:
    """Why events were not delivered."""

    reason: str
    """Such as `MaxDeliveryAttemptsExceeded`."""
    attempts: int
    outcome: str
    """The outcome of the last attempt, such as `NotFound`."""
    published: datetime
    last_attempt: datetime

    def to_json(self) -> dict[str, Any]:
        """Return the properties that a dead letter has beside those of its event."""
        return {
            "deadLetterReason": self.reason,
            "deliveryAttempts": self.attempts,
            "lastDeliveryOutcome": self.outcome,
            "publishTime": event_time(self.published),
            "lastDeliveryAttemptTime": event_time(self.last_attempt),
        }


class DeadLetterContainer:
    """The dead-letter container of one subscription."""

    def __init__(
        self, container: ContainerClient, subscription: EventSubscription, clock: EventClock, scale: float
    ) -> None:
        self._container = container
        self._subscription = subscription
        self._clock = clock
        self._scale = scale

    async def write(self, events: Sequence[StorageEvent], reason: DeadLetterReason) -> None:
        """Write events to a blob, five minutes later as in Azure, and try for four hours if that fails.

        The events are dropped after that, or at once if the container does not exist.
        """
        await self._clock.sleep(_DELAY_SECONDS * self._scale)
        body = json.dumps([self._dead_letter(event, reason) for event in events])
        for _ in range(_GIVE_UP_SECONDS // _RETRY_SECONDS):
            name = self._blob_name()
            try:
                await self._container.upload_blob(name, body.encode())
            except ResourceNotFoundError:
                break
            except AzureError as error:
                _log.warning("Dead letters cannot be written: %s", error)
                await self._clock.sleep(_RETRY_SECONDS * self._scale)
            else:
                _log.warning("%s: dead-lettered in '%s'", reason.reason, name)
                return
        _log.error("%s was dropped: no container for dead letters", events[0].subject)

    def _dead_letter(self, event: StorageEvent, reason: DeadLetterReason) -> dict[str, Any]:
        schema = self._subscription.delivery_schema
        properties = reason.to_json()
        if schema == "CloudEventSchemaV1_0":
            # Names of CloudEvents attributes have no capitals.
            properties = {name.lower(): value for name, value in properties.items()}
        return event.to_json(schema) | properties

    def _blob_name(self) -> str:
        """Return such as `MY-SUBSCRIPTION/2026/8/31/5/GUID.json`: month, day and hour are not padded."""
        now = self._clock.now()
        folder = f"{self._subscription.name.upper()}/{now.year}/{now.month}/{now.day}/{now.hour}"
        return f"{folder}/{uuid.uuid4()}.json"
