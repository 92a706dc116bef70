"""Waiting for other processes: a condition is checked repeatedly, with a deadline."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

_IS_REMOTE = bool(os.environ.get("BATCHMGR_URL"))

TIMEOUT_S = 1800 if _IS_REMOTE else 100
"""Longer than the minute for which the timers of a killed host rest, and enough for busy machines.

A deployment may have to start nodes first.
"""

_PAUSE_S = 2 if _IS_REMOTE else 0.1

T = TypeVar("T")


async def until(ask: Callable[[], Awaitable[T | None]], *, seconds: float = TIMEOUT_S) -> T:
    """Return the first true answer. Raise TimeoutError if there is none in time."""
    async with asyncio.timeout(seconds):
        # The condition depends on another process, so there is no asyncio event to wait on.
        while not (answer := await ask()):  # noqa: ASYNC110
            await asyncio.sleep(_PAUSE_S)
        return answer
