"""Delivers events: tries, waits, tries again, and at last dead-letters or drops them."""

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from functions_host.event_grid.dead_letters import DeadLetterContainer, DeadLetterReason
from functions_host.event_grid.delivery_outcome import DeliveryOutcome
from functions_host.event_grid.event_clock import EventClock
from functions_host.event_grid.event_subscription import RetryPolicy
from functions_host.event_grid.storage_event import StorageEvent
from functions_host.event_grid.webhook_client import WebhookClient

_RANDOM_PART = 0.1
"""Pauses are up to 10 % longer than the schedule says. Event Grid does not say by how much."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class DeliveryOptions:
    """How deliveries differ from those of a calm day in Azure."""

    retry_scale: float = 1.0
    """Factor of all pauses between attempts, and of the pause before dead-lettering."""
    duplicate_rate: float = 0.0
    """Probability that a delivered event is delivered once more, from 0 to 1."""
    shuffle_seconds: float = 0.0
    """Each event waits for a random time up to this one, so events change their order."""
    seed: int | None = None
    """Makes the random choices repeatable."""


class EventDelivery:
    """The deliveries of one subscription."""

    def __init__(
        self,
        *,
        webhook: WebhookClient,
        retry: RetryPolicy,
        dead_letters: DeadLetterContainer | None,
        options: DeliveryOptions,
        clock: EventClock,
    ) -> None:
        self._webhook = webhook
        self._retry = retry
        self._dead_letters = dead_letters
        self._options = options
        self._clock = clock
        self._random = random.Random(options.seed)  # noqa: S311  # Nothing secret depends on it.

    async def deliver(self, events: Sequence[StorageEvent]) -> None:
        """Deliver events in one request. Return when they are delivered, dead-lettered or dropped."""
        published = self._clock.now()
        await self._clock.sleep(self._random.uniform(0, self._options.shuffle_seconds))
        attempts = 0
        while True:
            attempted = self._clock.now()
            outcome = await self._webhook.deliver(events, earlier_attempts=attempts)
            attempts += 1
            if outcome.is_delivered:
                return await self._deliver_duplicate(events, attempts)
            _log.warning("%s was not delivered: %s, attempt %d", _names(events), outcome, attempts)
            reason = await self._wait(outcome, attempts, published)
            if reason is not None:
                return await self._give_up(
                    events,
                    DeadLetterReason(
                        reason=reason,
                        attempts=attempts,
                        outcome=outcome.name,
                        published=published,
                        last_attempt=attempted,
                    ),
                )

    async def _deliver_duplicate(self, events: Sequence[StorageEvent], attempts: int) -> None:
        _log.info("%s was delivered", _names(events))
        if self._random.random() < self._options.duplicate_rate:
            outcome = await self._webhook.deliver(events, earlier_attempts=attempts)
            _log.info("%s was delivered once more, on request: %s", _names(events), outcome)

    async def _wait(self, outcome: DeliveryOutcome, attempts: int, published: datetime) -> str | None:
        """Wait until the next attempt is due. Return why there is none, or None."""
        if not outcome.is_retried:
            return "UndeliverableDueToClientError"
        if attempts >= self._retry.max_delivery_attempts:
            return "MaxDeliveryAttemptsExceeded"
        pause = outcome.pause_after(attempts) * (1 + self._random.uniform(0, _RANDOM_PART))
        await self._clock.sleep(pause * self._options.retry_scale)
        # Event Grid checks the age of an event only when its next attempt is due.
        if self._clock.now() - published > self._retry.time_to_live:
            return "TimeToLiveExceeded"
        return None

    async def _give_up(self, events: Sequence[StorageEvent], reason: DeadLetterReason) -> None:
        if self._dead_letters is None:
            _log.error("%s was dropped: %s", _names(events), reason.reason)
            return
        await self._dead_letters.write(events, reason)


def _names(events: Sequence[StorageEvent]) -> str:
    """Return the events for a log line."""
    first = f"BlobCreated of {events[0].version.container}/{events[0].version.name}"
    return first if len(events) == 1 else f"{first} and {len(events) - 1} more"
