"""What a job waits for that does not come by itself, and how the poller watches it."""

from datetime import datetime

import msgspec


class WaitingFor(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Why a job can't go on by itself: a code for programs, a sentence for people, and what they can do."""

    code: str
    reason: str
    advice: str
    since: datetime


class Watch(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """When the poller last looked why a job does not move, and since when it has found a reason each time.

    `stalled_since` is None while tasks run, or no reason is known.
    """

    looked_at: datetime | None = None
    stalled_since: datetime | None = None
