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
    """A call that is to come."""

    def cancel(self) -> None:
        """Call nothing; without effect once it was called."""
        ...


class ServiceClock(Protocol):
    """A clock that the process can run on."""

    def now(self) -> int:
        """Return the time in ticks."""
        ...

    def call_later(self, seconds: float, action: Callable[[], object], *, awaited: bool) -> Timer:
        """Have a function called when so many seconds of the clock have passed."""
        ...


class RealClock:
    """The clock of the machine."""

    def now(self) -> int:
        """Return the time in ticks."""
        return real_now()

    def call_later(self, seconds: float, action: Callable[[], object], *, awaited: bool) -> Timer:
        """Have a function called by the event loop."""
        return asyncio.get_running_loop().call_later(seconds, action)


_clock: ServiceClock = RealClock()


def now() -> int:
    """Return the current time in ticks, of the clock the process runs on."""
    return _clock.now()


def call_later(seconds: float, action: Callable[[], object], *, awaited: bool = False) -> Timer:
    """Have a function called when so many seconds have passed on the clock the process runs on.

    A clock that can jump does so for what is `awaited`; all else is called when the time has come anyway.
    """
    return _clock.call_later(seconds, action, awaited=awaited)


@contextmanager
def running_on(clock: ServiceClock) -> Iterator[None]:
    """Let the whole process run on another clock while the context lasts."""
    global _clock
    before, _clock = _clock, clock
    try:
        yield
    finally:
        _clock = before
