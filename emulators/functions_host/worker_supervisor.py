"""Keeps a worker that executes functions, and replaces it when it is lost or when a function hangs."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from functions_host.errors import HostError
from functions_host.function_metadata import Function
from functions_host.trigger_data import InvocationRequest
from functions_host.typed_data import Outputs

_LOSSES_TO_END = 3
_LOSSES_FORGOTTEN_AFTER = 30 * 60

_log = logging.getLogger(__name__)


class FunctionWorker(Protocol):
    """Executes the functions of an app."""

    ended: asyncio.Event
    """Set when the worker has ended without having been killed."""

    async def load(self) -> list[Function]:
        """Index the app and return its functions. Raises HostError."""

    async def execute(self, function: Function, request: InvocationRequest) -> Outputs:
        """Run a function once, and return its outputs.

        Raises what the function raises, and WorkerLostError if the worker ends. It never returns if the
        worker is killed, or if a CancelledError escapes from the function: the real host then waits for the
        timeout.
        """

    def kill(self) -> None:
        """End the worker at once. The functions that run in it are lost."""


@dataclass(frozen=True, kw_only=True)
class RestartTimes:
    """The times of a restart, in seconds."""

    grace: float = 2.0
    """How long the worker goes on after a timeout, so that other functions can end."""
    interval: float = 10.0
    """The least time between two restarts. A function that timed out fails for its trigger only after it."""


class WorkerSupervisor:
    """Owns the current worker.

    A worker that ends by itself is replaced. The third time within half an hour, `exhausted` is set instead,
    and the host has to end. Invocations that come while there is no worker wait for the next one.
    """

    def __init__(
        self, new_worker: Callable[[], FunctionWorker], *, times: RestartTimes | None = None
    ) -> None:
        self._new_worker = new_worker
        self._times = times or RestartTimes()
        self._worker: FunctionWorker | None = None
        self._available = asyncio.Event()
        self._executing: dict[str, FunctionWorker] = {}
        self._restarting = asyncio.Lock()
        self._losses: list[float] = []
        self._watching: set[asyncio.Task[None]] = set()
        self.exhausted = asyncio.Event()
        """Set when the worker has ended by itself too often."""

    async def start(self) -> list[Function]:
        """Start the first worker. Return the functions of the app. Raises HostError."""
        worker = self._new_worker()
        try:
            functions = await worker.load()
        except BaseException:
            worker.kill()
            raise
        self._use(worker)
        return functions

    async def execute(self, function: Function, request: InvocationRequest) -> Outputs:
        """Run a function once in the current worker, as `FunctionWorker.execute` does."""
        while (worker := self._worker) is None:
            await self._available.wait()
        self._executing[request.invocation_id] = worker
        try:
            return await worker.execute(function, request)
        finally:
            del self._executing[request.invocation_id]

    async def restart_after_timeout(self, invocation_id: str) -> None:
        """Give the other functions some time, and replace the worker if this invocation still runs in it."""
        await asyncio.sleep(self._times.grace)
        worker = self._executing.get(invocation_id)
        if worker is None or worker is not self._worker:
            return
        _log.error("A function exceeded the function timeout. Restarting the worker.")
        await self._replace()

    def kill(self) -> None:
        """End the worker at once and start no other one."""
        for task in self._watching:
            task.cancel()
        self._end_current()

    def _end_current(self) -> None:
        if self._worker is not None:
            self._worker.kill()
        self._worker = None
        self._available.clear()

    def _use(self, worker: FunctionWorker) -> None:
        self._worker = worker
        self._available.set()
        task = asyncio.create_task(self._watch(worker))
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)

    async def _watch(self, worker: FunctionWorker) -> None:
        await worker.ended.wait()
        if worker is not self._worker:
            return
        now = time.monotonic()
        self._losses = [*(loss for loss in self._losses if now - loss < _LOSSES_FORGOTTEN_AFTER), now]
        if len(self._losses) < _LOSSES_TO_END:
            _log.error("The worker has ended. Restarting it.")
            await self._replace()
        else:
            _log.critical("The worker has ended %d times. The host is shutting down.", _LOSSES_TO_END)
            self.exhausted.set()

    async def _replace(self) -> None:
        """Replace the worker, and return after the least time between two restarts."""
        self._end_current()
        async with self._restarting:
            successor = self._new_worker()
            try:
                await successor.load()
            except HostError as error:
                _log.critical("The worker cannot be restarted: %s. The host is shutting down.", error)
                successor.kill()
                self.exhausted.set()
                return
            self._use(successor)
            await asyncio.sleep(self._times.interval)
