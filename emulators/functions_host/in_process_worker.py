"""A worker in the process of the host itself: functions can be debugged, and share objects with a test."""

import asyncio
from pathlib import Path

from functions_host.function_execution import FunctionExecutor
from functions_host.function_indexing import index_app
from functions_host.function_metadata import Function
from functions_host.trigger_data import InvocationRequest
from functions_host.typed_data import Outputs


class InProcessWorker:
    """Executes functions on this event loop and in threads of this process.

    If it is killed, async functions are cancelled, but functions in threads go on to their end.
    """

    def __init__(self, script_root: Path, *, threads: int | None = None) -> None:
        self._script_root = script_root
        self._executor = FunctionExecutor(threads=threads)
        self._running: set[asyncio.Task[Outputs]] = set()
        self.ended = asyncio.Event()
        """It is never set."""

    async def load(self) -> list[Function]:
        """Index the app and return its functions. Raises IndexingError."""
        return index_app(self._script_root)

    async def execute(self, function: Function, request: InvocationRequest) -> Outputs:
        """Run a function once, and return its outputs. Raises what the function raises."""
        task = asyncio.create_task(self._executor.execute(function, request))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await asyncio.wait((task,))
        if task.cancelled():
            await asyncio.Event().wait()
        return task.result()

    def kill(self) -> None:
        """Cancel the functions that run on the event loop. Their results do not arrive any more."""
        for task in self._running:
            task.cancel()
        self._executor.close()
