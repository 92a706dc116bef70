"""What came of an attempt to deliver an event, and when the next attempt is due.

Source: https://learn.microsoft.com/azure/event-grid/delivery-and-retry
"""

from dataclasses import dataclass
from typing import Self

# Seconds. After the last of them, every twelve hours.
_PAUSES = (10.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 10800.0, 21600.0)
_LONGEST_PAUSE = 43200.0
_SHORTEST_PAUSES = {408: 120.0, 503: 30.0}

_DELIVERED = range(200, 205)
_NEVER_RETRIED = {400, 401, 403, 413}
_NAMES = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    408: "TimedOut",
    413: "PayloadTooLarge",
}


@dataclass(frozen=True, kw_only=True)
class DeliveryOutcome:
    """What came of one attempt."""

    name: str
    """A value of `lastDeliveryOutcome`, such as `NotFound`."""
    status: int | None = None
    """The status of the response, or None if there was none."""

    @classmethod
    def of_status(cls, status: int) -> Self:
        """Return the outcome for the status of a response."""
        name = "Delivered" if status in _DELIVERED else _NAMES.get(status, "Busy")
        return cls(name=name, status=status)

    @property
    def is_delivered(self) -> bool:
        """Whether the webhook accepted the event: 200 to 204."""
        return self.status in _DELIVERED

    @property
    def is_retried(self) -> bool:
        """Whether another attempt can help. 400, 401, 403 and 413 of a webhook are never retried."""
        return not self.is_delivered and self.status not in _NEVER_RETRIED

    def pause_after(self, attempts: int) -> float:
        """Return the seconds until the next attempt, after so many attempts.

        >>> [DeliveryOutcome.of_status(500).pause_after(n) for n in (1, 2, 3, 10, 11)]
        [10.0, 30.0, 60.0, 43200.0, 43200.0]
        >>> DeliveryOutcome.of_status(408).pause_after(1)
        120.0
        """
        pause = _PAUSES[attempts - 1] if attempts <= len(_PAUSES) else _LONGEST_PAUSE
        return max(pause, _SHORTEST_PAUSES.get(self.status or 0, 0.0))

    def __str__(self) -> str:
        return f"{self.name} ({self.status})" if self.status else self.name
