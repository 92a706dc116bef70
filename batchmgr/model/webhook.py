"""A webhook of a job: an endpoint that is told of the events of the job, in the order of its log.

It is a reader of the log with a cursor. How far it has come is its status, in a blob of its own. The record
of the job says which events there are for it, so that nobody looks if there are none.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Self

import msgspec
from msgspec.structs import replace

from batchmgr.model.job_record_parts import CallbackState
from batchmgr.model.size_limits import NAME, cut_fields

NEVER = 10**10
"""More than the number of any event, which has ten digits."""


class Webhook(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What the record of a job says of a webhook. Its URI is a secret, and in the stored request only.

    `events` are the patterns of the events that it gets, and `receiver` its host and port. `wanted` is the
    number of the last event in the log that is for it. `settled`: up to this one, all are delivered or given
    up, as far as was known when the record was saved. `next_attempt_at` is when the next attempt is due, if
    that was known to be later.
    """

    receiver: str
    events: tuple[str, ...]
    wanted: int = 0
    settled: int = 0
    next_attempt_at: datetime | None = None

    @property
    def is_settled(self) -> bool:
        """Return whether no event in the log is still to be delivered."""
        return self.settled >= self.wanted

    def is_behind(self, told: int) -> bool:
        """Return whether events may still be to be delivered, other than those up to `told`."""
        return self.wanted > max(self.settled, told)

    def seen(self, status: "WebhookStatus") -> Self:
        """Return the webhook with what its status says."""
        if status.state is CallbackState.DEAD or status.cursor >= self.wanted:
            return replace(self, settled=self.wanted, next_attempt_at=None)
        return replace(self, settled=status.cursor, next_attempt_at=status.next_attempt_at)

    def given_up(self) -> Self:
        """Return the webhook as one to which nothing more is sent."""
        return replace(self, settled=NEVER, next_attempt_at=None)

    def state(self, status: "WebhookStatus") -> CallbackState:
        """Return how far the delivery of its events has come. It may be behind before the first attempt."""
        if self.settled == NEVER:
            return CallbackState.DEAD
        is_behind = status.cursor < self.wanted and status.state is CallbackState.DELIVERED
        return CallbackState.PENDING if is_behind else status.state


class WebhookStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How far a webhook has come.

    `cursor` is the number of the last event that the receiver has got, and `through` that of the last event
    in the batch that was sent last: a batch that is sent again has the same events. `attempts` are those of
    this batch. While it is being sent, `next_attempt_at` is when another process may try. `given_up_at`: when
    the webhook was given up last; it may have been redriven since. `etag` is the version of the status.
    """

    state: CallbackState = CallbackState.DELIVERED
    cursor: int = 0
    through: int = 0
    attempts: int = 0
    next_attempt_at: datetime | None = None
    last_error: str = ""
    given_up_at: datetime | None = None
    etag: str = ""

    def __post_init__(self) -> None:
        """Cut texts that are too long. A job has several webhooks, so they are short."""
        cut_fields(self, {"last_error": NAME})

    def is_due(self, now: datetime) -> bool:
        """Return whether the next events may be sent now, if there are any."""
        is_later = self.next_attempt_at is not None and now < self.next_attempt_at
        return self.state is not CallbackState.DEAD and not is_later

    @property
    def repeats(self) -> bool:
        """Return whether a batch was sent, and is not delivered."""
        return self.through > self.cursor

    @property
    def tries(self) -> int:
        """Return how often the next batch was tried."""
        return 0 if self.state is CallbackState.DELIVERED else self.attempts

    def sending(self, through: int, until: datetime) -> Self:
        """Return the status of a webhook whose next batch, up to event `through`, is being sent."""
        return replace(
            self,
            state=CallbackState.SENDING,
            through=through,
            attempts=self.tries + 1,
            next_attempt_at=until,
        )

    def failed_to_read(self) -> Self:
        """Return the status of a webhook whose next batch can't be read from the log. That is an attempt."""
        return replace(self, attempts=self.tries + 1)

    def delivered(self) -> Self:
        """Return the status of a webhook whose receiver has taken the batch."""
        return replace(
            self,
            state=CallbackState.DELIVERED,
            cursor=self.through,
            next_attempt_at=None,
            last_error="",
            given_up_at=None,
        )

    def put_off(self, error: str, until: datetime) -> Self:
        """Return the status of a webhook whose receiver has not taken the batch, and is tried again."""
        return replace(self, state=CallbackState.PENDING, next_attempt_at=until, last_error=error)

    def dead(self, error: str, now: datetime) -> Self:
        """Return the status of a webhook that is given up."""
        return replace(
            self, state=CallbackState.DEAD, next_attempt_at=None, last_error=error, given_up_at=now
        )

    def redriven(self) -> Self:
        """Return the status of a webhook that was given up, and is tried again as if for the first time."""
        return replace(self, state=CallbackState.PENDING, attempts=0, next_attempt_at=None)


def told_of(webhooks: Sequence[Webhook]) -> int:
    """Return the number of the last event that webhooks want, if they are all settled; else 0."""
    if not all(webhook.is_settled for webhook in webhooks):
        return 0
    return max((webhook.wanted for webhook in webhooks), default=0)


def settled_up_to(webhooks: Sequence[Webhook], told: int) -> tuple[Webhook, ...]:
    """Return the webhooks, of which is known that they are settled up to this event."""
    return tuple(replace(webhook, settled=max(webhook.settled, told)) for webhook in webhooks)


def next_webhook_look(webhooks: Sequence[Webhook], now: datetime) -> datetime | None:
    """Return when somebody has to look after the webhooks: now, later, or never, which is None."""
    times = [webhook.next_attempt_at or now for webhook in webhooks if not webhook.is_settled]
    return min(times, default=None)
