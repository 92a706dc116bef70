"""Reads event subscriptions from a JSON file, in the shape that they have in a template of Azure.

    [{"name": "on-upload", "properties": {
        "destination": {"endpointType": "WebHook", "properties": {"endpointUrl": "http://localhost:7071/…"}},
        "filter": {"subjectBeginsWith": "/blobServices/default/containers/uploads/"}}}]

Source: https://learn.microsoft.com/azure/templates/microsoft.eventgrid/systemtopics/eventsubscriptions
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from functions_host.errors import SubscriptionError
from functions_host.event_grid.event_subscription import (
    BLOB_CREATED,
    EventFilter,
    EventSubscription,
    RetryPolicy,
)

_SCHEMAS = ("EventGridSchema", "CloudEventSchemaV1_0")


def read_subscriptions(path: Path) -> list[EventSubscription]:
    """Return the subscriptions in a file: one object, or an array of them. Raises SubscriptionError."""
    try:
        document = json.loads(path.read_text())
        found = document if isinstance(document, list) else [document]
        return [_subscription(resource) for resource in found]
    except OSError as error:
        raise SubscriptionError(f"cannot read '{path}': {error.strerror}") from error
    except KeyError as error:
        raise SubscriptionError(f"'{path}': {error} is missing") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise SubscriptionError(f"'{path}' does not describe event subscriptions: {error}") from error


def _subscription(resource: Mapping[str, Any]) -> EventSubscription:
    properties = resource["properties"]
    destination = properties["destination"]
    if destination["endpointType"] != "WebHook":
        raise SubscriptionError(f"the destination '{destination['endpointType']}' is not supported")
    schema = properties.get("eventDeliverySchema", "EventGridSchema")
    if schema not in _SCHEMAS:
        raise SubscriptionError(f"the delivery schema '{schema}' is not supported")
    webhook = destination["properties"]
    dead_letters = properties.get("deadLetterDestination") or {"properties": {}}
    retry = properties.get("retryPolicy") or {}
    return EventSubscription(
        name=resource["name"],
        webhook=webhook["endpointUrl"],
        filter=_filter(properties.get("filter") or {}),
        delivery_schema=schema,
        retry=RetryPolicy(
            max_delivery_attempts=int(retry.get("maxDeliveryAttempts", 30)),
            time_to_live=timedelta(minutes=int(retry.get("eventTimeToLiveInMinutes", 1440))),
        ),
        max_events_per_batch=int(webhook.get("maxEventsPerBatch", 1)),
        preferred_batch_bytes=1024 * int(webhook.get("preferredBatchSizeInKilobytes", 64)),
        dead_letter_container=dead_letters["properties"].get("blobContainerName"),
    )


def _filter(document: Mapping[str, Any]) -> EventFilter:
    if document.get("advancedFilters"):
        raise SubscriptionError("advanced filters are not supported")
    return EventFilter(
        subject_begins_with=document.get("subjectBeginsWith") or "",
        subject_ends_with=document.get("subjectEndsWith") or "",
        is_case_sensitive=bool(document.get("isSubjectCaseSensitive")),
        included_event_types=frozenset(document.get("includedEventTypes") or [BLOB_CREATED]),
    )
