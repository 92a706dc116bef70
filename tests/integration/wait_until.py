"""Waiting for what happens in other processes: asked again and again, with a deadline, never slept for."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

TIMEOUT_S = 40
"""Far more than anything here takes, for machines that are busy."""

_PAUSE_S = 0.1

T = TypeVar("T")


async def until(ask: Callable[[], Awaitable[T | None]], *, seconds: float = TIMEOUT_S) -> T:
    """The first answer that is true. TimeoutError if there is none in time."""
    async with asyncio.timeout(seconds):
        # What is waited for happens in another process, which has no event to wait on.
        while not (answer := await ask()):  # noqa: ASYNC110
            await asyncio.sleep(_PAUSE_S)
        return answer
