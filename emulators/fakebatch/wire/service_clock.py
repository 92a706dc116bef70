"""The clock of the fake Batch: `now` reads it, and `call_later` waits by it.

The whole process uses one clock. It is the clock of the machine unless `running_on` replaces it.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from fakebatch.wire.timestamps import from_unix_ns


def real_now() -> int:
    """Return the current time of the machine in ticks."""
    return from_unix_ns(time.time_ns())


class Timer(Protocol):
    """A scheduled call."""

    def cancel(self) -> None:
        """Cancel the call. This has no effect after the call was made."""
        ...


class ServiceClock(Protocol):
    """A clock that the process can use."""

    def now(self) -> int:
        """Return the time in ticks."""
        ...

    def call_later(self, seconds: float, action: Callable[[], object], *, awaited: bool) -> Timer:
        """Call a function after some seconds of this clock."""
        ...


class RealClock:
    """The clock of the machine."""

    def now(self) -> int:
        """Return the time in ticks."""
        return real_now()

    def call_later(self, seconds: float, action: Callable[[], object], *, awaited: bool) -> Timer:
        """Call a function after some seconds of the event loop."""
        return asyncio.get_running_loop().call_later(seconds, action)


_clock: ServiceClock = RealClock()


def now() -> int:
    """Return the current time in ticks, from the clock that the process uses."""
    return _clock.now()


def call_later(seconds: float, action: Callable[[], object], *, awaited: bool = False) -> Timer:
    """Call a function after some seconds of the clock that the process uses.

    A simulated clock jumps ahead to a call that is `awaited`. It does not jump ahead to other calls; they are
    made when the clock reaches their time.
    """
    return _clock.call_later(seconds, action, awaited=awaited)


async def sleep(seconds: float) -> None:
    """Wait by the clock that the process uses. A simulated clock jumps ahead to the end of the wait."""
    over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def end() -> None:
        if not over.done():
            over.set_result(None)

    timer = call_later(seconds, end, awaited=True)
    try:
        await over
    finally:
        timer.cancel()


@contextmanager
def running_on(clock: ServiceClock) -> Iterator[None]:
    """Use another clock in the whole process while the context lasts."""
    global _clock
    before, _clock = _clock, clock
    try:
        yield
    finally:
        _clock = before
