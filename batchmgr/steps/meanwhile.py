"""Does something again and again while work goes on."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from batchmgr.model.error_groups import most_permanent
from batchmgr.ports import Clock

T = TypeVar("T")


async def meanwhile(
    clock: Clock, pause: timedelta, repeat: Callable[[], Awaitable[object]], work: Callable[[], Awaitable[T]]
) -> T:
    """Return the result of the work. After each `pause` in which it goes on, call `repeat`.

    If either raises an error, the other is cancelled, and the error is raised.
    """

    async def keep_repeating() -> None:
        while True:
            await clock.sleep(pause)
            await repeat()

    async def finish() -> T:
        try:
            return await work()
        finally:
            repeating.cancel()

    try:
        async with asyncio.TaskGroup() as group:
            repeating = group.create_task(keep_repeating())
            finishing = group.create_task(finish())
    except ExceptionGroup as errors:
        raise most_permanent(errors) from errors
    return finishing.result()
