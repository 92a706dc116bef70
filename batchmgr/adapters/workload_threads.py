"""Threads for the code of workloads, which may hang: a few for each workload, with a time limit.

A thread can't be stopped. So each workload has threads of its own: one that hangs takes neither the threads
of others nor those of the event loop, which resolve host names. The threads don't keep the process alive.
"""

import asyncio
import contextvars
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from typing import TypeVar

from batchmgr.errors import InvalidJobError, ServiceBusyError

T = TypeVar("T")

TIME_LIMIT = timedelta(seconds=30)
MOST_CALLS = 4
"""How many calls of one workload run at once. Each plans one job."""


class LimitedThreads:
    """The WorkloadThreads port."""

    def __init__(self, limit: timedelta = TIME_LIMIT, most: int = MOST_CALLS) -> None:
        self._limit = limit.total_seconds()
        self._most = most
        self._slots: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(most))
        self._started: dict[str, dict[object, float]] = defaultdict(dict)

    async def run(self, workload: str, call: Callable[[], T]) -> T:
        """Call a function in a thread of the workload, and return what it returns."""
        await self._wait_for_slot(workload)
        result = self._start(workload, call)
        try:
            async with asyncio.timeout(self._limit):
                return await asyncio.shield(result)
        except TimeoutError as error:
            if result.done():  # the code of the workload has raised it
                raise
            raise InvalidJobError(
                f"workload {workload!r} did not plan the job within {self._limit:g} seconds: its create_job "
                "must return quickly, and wait for nothing",
                field="workload",
            ) from error

    async def _wait_for_slot(self, workload: str) -> None:
        if self._all_hang(workload):
            raise InvalidJobError(
                f"workload {workload!r} hangs: {self._most} earlier calls of its create_job have not "
                "returned; correct the workload, or start the app again",
                field="workload",
            )
        try:
            async with asyncio.timeout(self._limit):
                await self._slots[workload].acquire()
        except TimeoutError as error:
            # A status, as of a service that has answered: a job that waits for it does not lack access.
            text = f"workload {workload!r} is planning {self._most} other jobs"
            raise ServiceBusyError(text, code="WorkloadBusy", status=503) from error

    def _all_hang(self, workload: str) -> bool:
        begun = self._started[workload].values()
        return len(begun) >= self._most and all(time.monotonic() - at > self._limit for at in begun)

    def _start(self, workload: str, call: Callable[[], T]) -> asyncio.Future[T]:
        """Start the call in a thread. Its slot is free again when it has returned, however late."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()
        result.add_done_callback(lambda late: late.cancelled() or late.exception())  # nobody may wait for it
        key, context = object(), contextvars.copy_context()
        self._started[workload][key] = time.monotonic()

        def ended(value: T | None, error: BaseException | None) -> None:
            del self._started[workload][key]
            self._slots[workload].release()
            if error is not None:
                result.set_exception(error)
            else:
                result.set_result(value)  # type: ignore[arg-type]

        def run() -> None:
            value, failure = None, None
            try:
                value = context.run(call)
            except BaseException as error:
                failure = error
            try:
                loop.call_soon_threadsafe(ended, value, failure)
            except RuntimeError:
                return  # the event loop is closed: the process is about to end

        Thread(target=run, name=f"workload-{workload}", daemon=True).start()
        return result
