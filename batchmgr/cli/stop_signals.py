"""Ends a command in an orderly way on SIGINT (Ctrl-C), SIGTERM or SIGHUP."""

import asyncio
import signal
from collections.abc import Coroutine


async def run_until_signal(work: Coroutine[object, object, int], *, interrupted: int) -> int:
    """Await `work` and return its result, or return `interrupted` if a signal ended it early.

    The first SIGINT, SIGTERM or SIGHUP cancels the work, which then cleans up. Later signals are ignored.
    """
    task = asyncio.ensure_future(work)
    signalled = asyncio.Event()

    def end() -> None:
        if not signalled.is_set():
            signalled.set()
            task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, end)
    try:
        return await task
    except asyncio.CancelledError:
        if not signalled.is_set():
            raise
        return interrupted
