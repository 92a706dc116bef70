"""Waiting for other processes: a condition is checked repeatedly, with a deadline."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

TIMEOUT_S = 120
"""Twice as long as the leases of a host's timers and of its blob scan may rest after a kill."""

_PAUSE_S = 0.1

T = TypeVar("T")


async def until(ask: Callable[[], Awaitable[T | None]], *, seconds: float = TIMEOUT_S) -> T:
    """Return the first true answer. Raise TimeoutError if there is none in time."""
    async with asyncio.timeout(seconds):
        # The condition depends on another process, so there is no asyncio event to wait on.
        while not (answer := await ask()):  # noqa: ASYNC110
            await asyncio.sleep(_PAUSE_S)
        return answer
