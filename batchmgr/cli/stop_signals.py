"""Ctrl-C and its relatives, turned into an orderly end."""

import asyncio
import signal
from collections.abc import Coroutine


async def run_until_signal(work: Coroutine[object, object, int], *, interrupted: int) -> int:
    """Do `work`; its result, or `interrupted` if SIGINT, SIGTERM or SIGHUP ended it early.

    The first signal cancels the work, which may then clean up; further ones don't disturb that.
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
