"""Calls the webhook of a subscription: first the handshake, then deliveries.

Sources: https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema
https://learn.microsoft.com/azure/event-grid/end-point-validation-cloud-events-schema
"""

import asyncio
import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

import aiohttp

from functions_host.errors import SubscriptionError
from functions_host.event_grid.delivery_outcome import DeliveryOutcome
from functions_host.event_grid.event_subscription import EventSubscription
from functions_host.event_grid.storage_event import StorageEvent, encode_events, event_time

_ORIGIN = "eventgrid.azure.net"
_PARALLEL_REQUESTS = 16
_RESPONSE_TIMEOUT = aiohttp.ClientTimeout(total=30)


class WebhookClient:
    """The webhook of one subscription."""

    def __init__(self, http: aiohttp.ClientSession, topic: str, subscription: EventSubscription) -> None:
        self._http = http
        self._topic = topic
        self._subscription = subscription
        self._is_batched = subscription.max_events_per_batch > 1
        self._free = asyncio.Semaphore(_PARALLEL_REQUESTS)

    async def confirm(self) -> None:
        """Ask the webhook to confirm the subscription. Raises SubscriptionError if it does not."""
        try:
            if self._subscription.delivery_schema == "CloudEventSchemaV1_0":
                await self._ask_for_origin()
            else:
                await self._ask_for_code()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise SubscriptionError(
                f"the webhook could not be called: {str(error) or 'no response'}"
            ) from error

    async def deliver(self, events: Sequence[StorageEvent], *, earlier_attempts: int) -> DeliveryOutcome:
        """Send events in one request, and return what came of it. Never raises for a failed delivery."""
        schema = self._subscription.delivery_schema
        media_type = "application/json"
        if schema == "CloudEventSchemaV1_0":
            media_type = f"application/cloudevents{'-batch' if self._is_batched else ''}+json"
        headers = self._headers("Notification", earlier_attempts) | {
            "Content-Type": f"{media_type}; charset=utf-8",
            "aeg-data-version": "",
            "aeg-metadata-version": "1",
        }
        body = encode_events(events, schema, batch=self._is_batched)
        try:
            async with (
                self._free,
                self._http.post(
                    self._subscription.webhook, data=body.encode(), headers=headers, timeout=_RESPONSE_TIMEOUT
                ) as response,
            ):
                return DeliveryOutcome.of_status(response.status)
        except aiohttp.ClientConnectorDNSError:
            return DeliveryOutcome(name="ResolutionError")
        except TimeoutError:
            return DeliveryOutcome(name="TimedOut")
        except aiohttp.ClientError:
            return DeliveryOutcome(name="SocketError")

    def _headers(self, event_type: str, earlier_attempts: int) -> dict[str, str]:
        return {
            "aeg-event-type": event_type,
            "aeg-subscription-name": self._subscription.name.upper(),
            "aeg-delivery-count": str(earlier_attempts),
        }

    async def _ask_for_code(self) -> None:
        code = str(uuid.uuid4()).upper()
        event = {
            "id": str(uuid.uuid4()),
            "topic": self._topic,
            "subject": "",
            "data": {"validationCode": code},
            "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
            "eventTime": event_time(datetime.now(UTC)),
            "metadataVersion": "1",
            "dataVersion": "2",
        }
        headers = self._headers("SubscriptionValidation", 0)
        async with self._http.post(
            self._subscription.webhook, json=[event], headers=headers, timeout=_RESPONSE_TIMEOUT
        ) as response:
            text = await response.text()
        # Event Grid accepts 200 and nothing else here, not even 202.
        if response.status != 200:
            raise SubscriptionError(f"the webhook answered the validation with {response.status}")
        if _validation_response(text) != code:
            raise SubscriptionError("the webhook answered 200, but did not return the validation code")

    async def _ask_for_origin(self) -> None:
        headers = {"WebHook-Request-Origin": _ORIGIN}
        async with self._http.options(
            self._subscription.webhook, headers=headers, timeout=_RESPONSE_TIMEOUT
        ) as response:
            allowed = response.headers.get("WebHook-Allowed-Origin", "")
        if response.status != 200 or allowed not in (_ORIGIN, "*"):
            raise SubscriptionError(
                f"the webhook answered OPTIONS with {response.status}, and allows the origin '{allowed}'"
            )


def _validation_response(text: str) -> object:
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return document.get("validationResponse") if isinstance(document, dict) else None
