"""An event loop with virtual time: if all tasks wait, it skips to the moment when the first may continue.

Half an hour of pauses, latencies and timeouts passes in milliseconds, in the order in which it would pass.
The loop is for code without real I/O. Work in threads (`asyncio.to_thread`) is done at once.
"""

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


class DeadlockError(Exception):
    """Every task waits, and nothing is scheduled that could end the wait."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose `time` advances only when it would otherwise wait."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_SkippingSelector(self))
        self.set_default_executor(_InlineExecutor())

    def time(self) -> float:
        """Return the virtual time, in seconds since the loop was created."""
        return self.now

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109  # as its base has it
        """Do nothing. The executor has no threads; the loop would start one, and skip the wait for it."""


class _SkippingSelector(selectors.SelectSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise DeadlockError("all tasks wait for something that never comes")
        self._loop.now += max(0.0, timeout)
        return super().select(0)


class _InlineExecutor(ThreadPoolExecutor):
    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future
