"""The host's end of a worker process, which executes the functions of an app."""

import asyncio
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from functions_host.errors import FunctionError, HostError, IndexingError, WorkerLostError
from functions_host.function_metadata import Function
from functions_host.trigger_data import InvocationRequest
from functions_host.typed_data import Outputs
from functions_host.worker_messages import LENGTH, InvocationResponse, LoadResponse, pack, unpack

_MODULE = "functions_host.worker_main"
_REST_SECONDS = 0.5


class WorkerProcess:
    """A child process that executes functions. It is started at once, and begins to import the app."""

    def __init__(self, script_root: Path) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", _MODULE, str(theirs.fileno()), str(script_root)]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
        self._is_killed = False
        self._responses: dict[str, asyncio.Future[Outputs]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self.ended = asyncio.Event()
        """Set when the process has ended without having been killed."""

    async def load(self) -> list[Function]:
        """Return the functions of the app, without their code. Raises IndexingError, or HostError."""
        reader, self._writer = await asyncio.open_connection(sock=self._socket)
        try:
            response: LoadResponse = await _read(reader)
        except (asyncio.IncompleteReadError, OSError) as error:
            self.kill()
            raise HostError(f"the worker process ended, with code {self._process.wait()}") from error
        if response.error is not None:
            raise IndexingError(response.error)
        self._reading = asyncio.create_task(self._read_responses(reader))
        self._watch()
        return response.functions

    async def execute(self, function: Function, request: InvocationRequest) -> Outputs:
        """Run a function once, and return its outputs.

        Raises FunctionError if the function raises an exception, and WorkerLostError if the process ends.
        """
        if self.ended.is_set() or self._writer is None:
            raise WorkerLostError(f"'{function.name}' cannot run: the worker process has ended")
        response: asyncio.Future[Outputs] = asyncio.get_running_loop().create_future()
        self._responses[request.invocation_id] = response
        try:
            self._writer.write(pack(request))
            return await response
        finally:
            del self._responses[request.invocation_id]

    def kill(self) -> None:
        """End the process at once. Nothing more comes of the functions that run in it."""
        self._is_killed = True
        self._process.kill()
        if self._reading is not None:
            self._reading.cancel()
        if self._writer is None:
            self._socket.close()
        else:
            self._writer.close()
        self._process.wait()

    async def _read_responses(self, reader: asyncio.StreamReader) -> None:
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                response: InvocationResponse = await _read(reader)
                waiting = self._responses.get(response.invocation_id)
                if waiting is None or waiting.done():
                    continue
                if response.outputs is None:
                    waiting.set_exception(FunctionError(response.error or ""))
                else:
                    waiting.set_result(response.outputs)
        self._on_end()

    def _watch(self) -> None:
        """Notice the end of the process, even if a child of it still holds the other end of the socket."""
        loop = asyncio.get_running_loop()

        def wait() -> None:
            self._process.wait()
            with suppress(RuntimeError):  # The loop may be closed by now.
                # What the process sent before its end is read first.
                loop.call_soon_threadsafe(loop.call_later, _REST_SECONDS, self._on_end)

        threading.Thread(target=wait, name="worker-end", daemon=True).start()

    def _on_end(self) -> None:
        if self._is_killed or self.ended.is_set():
            return
        self.ended.set()
        for response in self._responses.values():
            if not response.done():
                response.set_exception(WorkerLostError("the worker process has ended"))


async def _read(reader: asyncio.StreamReader) -> Any:
    (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
    return unpack(await reader.readexactly(length))
