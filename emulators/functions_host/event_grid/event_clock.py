"""The clock of deliveries. Tests replace it, because pauses last up to twelve hours."""

import asyncio
from datetime import UTC, datetime
from typing import Protocol


class EventClock(Protocol):
    """Tells the time and waits."""

    def now(self) -> datetime:
        """Return the time in UTC."""

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""


class SystemEventClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""
        await asyncio.sleep(seconds)
