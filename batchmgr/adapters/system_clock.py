"""The clock and the random numbers of the system."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta


class SystemClock:
    """The Clock port."""

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return datetime.now(UTC)

    def randomness(self) -> int:
        """Return 80 random bits."""
        return secrets.randbits(80)

    async def sleep(self, delay: timedelta) -> None:
        """Wait without blocking the event loop."""
        await asyncio.sleep(delay.total_seconds())
