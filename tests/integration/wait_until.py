"""Waiting for other processes: a condition is checked repeatedly, with a deadline."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

TIMEOUT_S = 100
"""Longer than the minute for which the timers of a killed host rest, and enough for busy machines."""

_PAUSE_S = 0.1

T = TypeVar("T")


async def until(ask: Callable[[], Awaitable[T | None]], *, seconds: float = TIMEOUT_S) -> T:
    """Return the first true answer. Raise TimeoutError if there is none in time."""
    async with asyncio.timeout(seconds):
        # The condition depends on another process, so there is no asyncio event to wait on.
        while not (answer := await ask()):  # noqa: ASYNC110
            await asyncio.sleep(_PAUSE_S)
        return answer
