"""The system's clock and random source."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta


class SystemClock:
    """The Clock port."""

    def now(self) -> datetime:
        """The present moment in UTC."""
        return datetime.now(UTC)

    def randomness(self) -> int:
        """80 random bits."""
        return secrets.randbits(80)

    async def sleep(self, delay: timedelta) -> None:
        """Wait without blocking others."""
        await asyncio.sleep(delay.total_seconds())
