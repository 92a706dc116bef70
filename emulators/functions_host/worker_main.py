"""The worker process: `python -m functions_host.worker_main FD DIRECTORY`.

It indexes the app in DIRECTORY, and executes the invocations that come over the socket FD. It ends when the
host closes the socket, and so too when the host is killed.
"""

import asyncio
import os
import signal
import socket
import sys
import threading
import traceback
from pathlib import Path

from functions_host.errors import ConfigurationError, IndexingError
from functions_host.function_execution import FunctionExecutor
from functions_host.function_indexing import index_app
from functions_host.function_metadata import Function
from functions_host.host_logging import log_to_stderr
from functions_host.settings import HostSettings, default_host_id, load_host_settings
from functions_host.trigger_data import InvocationRequest
from functions_host.worker_messages import LENGTH, InvocationResponse, LoadResponse, pack, unpack


def main() -> None:
    """Run until the host closes the socket. Does not return."""
    # Signals are for the host: it ends this process when the time has come.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    # What functions print is not lost if the process is killed.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.set_inheritable(False)
    code: object = 1
    try:
        asyncio.run(_Worker(connection, Path(sys.argv[2])).run())
    except SystemExit as error:
        code = error.code
    except BaseException:
        traceback.print_exc()
    # Threads of functions may still run, and Python would wait for them.
    _end(code if isinstance(code, int) else 0 if code is None else 1)


def _end(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class _Worker:
    def __init__(self, connection: socket.socket, script_root: Path) -> None:
        self._connection = connection
        self._script_root = script_root
        settings = _settings(script_root)
        log_to_stderr(settings.log_levels)
        self._executor = FunctionExecutor(threads=settings.sync_threads)
        self._functions: dict[str, Function] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Index the app, and execute what the host asks for."""
        loop = asyncio.get_running_loop()
        try:
            functions = index_app(self._script_root)
        except IndexingError as error:
            self._send(LoadResponse(functions=[], error=str(error)))
        else:
            self._functions = {function.name: function for function in functions}
            self._send(LoadResponse(functions=[function.without_code() for function in functions]))
        threading.Thread(target=self._receive, args=(loop,), name="host", daemon=True).start()
        await self._ended.wait()

    def _receive(self, loop: asyncio.AbstractEventLoop) -> None:
        """Receive invocations. In a thread, this also sees the end of the host while the loop is blocked."""
        try:
            with self._connection.makefile("rb") as stream:
                while len(head := stream.read(LENGTH.size)) == LENGTH.size:
                    request = unpack(stream.read(LENGTH.unpack(head)[0]))
                    loop.call_soon_threadsafe(self._start, request)
        finally:
            # Without a flush, which could wait for a lock of a thread that hangs.
            os._exit(0)

    def _start(self, request: InvocationRequest) -> None:
        task = asyncio.create_task(self._execute(request))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _execute(self, request: InvocationRequest) -> None:
        """Execute a function and send its end. As in the real worker, a CancelledError sends nothing."""
        try:
            outputs = await self._executor.execute(self._functions[request.function_name], request)
            response = pack(InvocationResponse(invocation_id=request.invocation_id, outputs=outputs))
        except Exception:
            error = traceback.format_exc()
            response = pack(InvocationResponse(invocation_id=request.invocation_id, error=error))
        self._connection.sendall(response)

    def _send(self, message: object) -> None:
        self._connection.sendall(pack(message))


def _settings(script_root: Path) -> HostSettings:
    """Return the settings of the app, or the defaults if host.json is invalid, which the host reports."""
    try:
        return load_host_settings(script_root, os.environ)
    except ConfigurationError:
        return HostSettings(host_id=default_host_id(script_root))


if __name__ == "__main__":
    main()
