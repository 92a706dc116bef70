"""An event subscription: which events it wants, where they are sent, and how hard delivery is tried.

The fields are those of `Microsoft.EventGrid/systemTopics/eventSubscriptions`, with their defaults and limits.
Source: https://learn.microsoft.com/azure/event-grid/delivery-and-retry
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from functions_host.errors import SubscriptionError

BLOB_CREATED = "Microsoft.Storage.BlobCreated"

DeliverySchema = Literal["EventGridSchema", "CloudEventSchemaV1_0"]

_CONTAINERS = "/blobServices/default/containers/"


@dataclass(frozen=True, kw_only=True)
class EventFilter:
    """Which events a subscription wants. The default is all of them."""

    subject_begins_with: str = ""
    """Such as `/blobServices/default/containers/uploads/blobs/2026/`."""
    subject_ends_with: str = ""
    """Such as `.json`."""
    is_case_sensitive: bool = False
    """Whether the case of letters in subjects counts."""
    included_event_types: frozenset[str] = frozenset({BLOB_CREATED})
    """The stand-in raises only `Microsoft.Storage.BlobCreated`."""

    def matches(self, event_type: str, subject: str) -> bool:
        """Return whether the subscription wants an event.

        >>> EventFilter(subject_ends_with=".JSON").matches(BLOB_CREATED, blob_subject("in", "a.json"))
        True
        """
        begin, end = self.subject_begins_with, self.subject_ends_with
        if not self.is_case_sensitive:
            subject, begin, end = subject.lower(), begin.lower(), end.lower()
        return event_type in self.included_event_types and subject.startswith(begin) and subject.endswith(end)

    @property
    def container(self) -> str | None:
        """The only container that can match, or None if there may be several."""
        name, slash, _ = self._after_containers().partition("/")
        return name if slash and name else None

    @property
    def container_prefix(self) -> str:
        """What the names of all matching containers start with."""
        return self._after_containers().partition("/")[0]

    def _after_containers(self) -> str:
        begin = self.subject_begins_with.lower()
        return begin.removeprefix(_CONTAINERS.lower()) if begin.startswith(_CONTAINERS.lower()) else ""


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """When delivery of an event is given up: after so many attempts, or so long, whichever comes first."""

    max_delivery_attempts: int = 30
    """1 to 30."""
    time_to_live: timedelta = timedelta(minutes=1440)
    """1 to 1440 minutes. It is only checked when the next attempt is due."""

    def __post_init__(self) -> None:
        """Raise SubscriptionError if a value is outside the limits of Event Grid."""
        if not 1 <= self.max_delivery_attempts <= 30:
            raise SubscriptionError("the maximum number of delivery attempts must be 1 to 30")
        if not timedelta(minutes=1) <= self.time_to_live <= timedelta(minutes=1440):
            raise SubscriptionError("the time to live of events must be 1 to 1440 minutes")


@dataclass(frozen=True, kw_only=True)
class EventSubscription:
    """A webhook that gets the events that match a filter."""

    name: str
    """3 to 64 letters, digits and hyphens, as in Azure. It is not checked."""
    webhook: str
    """The URL, with the key of the webhook if it needs one."""
    filter: EventFilter = field(default_factory=EventFilter)
    delivery_schema: DeliverySchema = "EventGridSchema"
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    max_events_per_batch: int = 1
    """1 to 5000. With 1, each request has one event."""
    preferred_batch_bytes: int = 64 * 1024
    """A batch gets no more events when it has this size. A single event may be larger."""
    dead_letter_container: str | None = None
    """Where events go that could not be delivered. Without it they are dropped."""

    def __post_init__(self) -> None:
        """Raise SubscriptionError if a value is outside the limits of Event Grid."""
        if not self.webhook.startswith(("http://", "https://")):
            raise SubscriptionError(f"the webhook '{self.webhook}' is not an HTTP URL")
        if not 1 <= self.max_events_per_batch <= 5000:
            raise SubscriptionError("the maximum number of events per batch must be 1 to 5000")


def blob_subject(container: str, blob: str) -> str:
    """Return the subject of a blob's events.

    >>> blob_subject("uploads", "a/b.json")
    '/blobServices/default/containers/uploads/blobs/a/b.json'
    """
    return f"{_CONTAINERS}{container}/blobs/{blob}"
