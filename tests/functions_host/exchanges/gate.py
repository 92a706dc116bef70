"""A gate before a storage account: closed, it refuses connections as a storage does that is away."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.functions_host.exchanges.host_process import free_port

_PIECE = 1 << 16
_PORT = re.compile(r"(?<=://127\.0\.0\.1:)\d+")


class _Door:
    """Passes connections to one port on to another one."""

    def __init__(self, target: int) -> None:
        self._target = target
        self.port = free_port()
        self._listener: socket.socket | None = None
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()

    def open(self) -> None:
        """Listen."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(128)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def close(self) -> None:
        """Refuse new connections, and break those that there are."""
        with self._lock:
            ended = [*self._connections, *([self._listener] if self._listener else [])]
            self._connections.clear()
            self._listener = None
        for connection in ended:
            _end(connection)

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                with self._lock:
                    self._connections |= {near, far}
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                sink.sendall(piece)
        with self._lock:
            self._connections -= {source, sink}
        _end(source)
        _end(sink)


class StorageGate:
    """The way to a storage account, which may be closed and opened."""

    def __init__(self, connection_string: str) -> None:
        self._doors = {port: _Door(int(port)) for port in set(_PORT.findall(connection_string))}
        self.connection_string = _PORT.sub(lambda match: str(self._doors[match[0]].port), connection_string)
        """How the account is reached through the gate."""

    def open(self) -> None:
        """Let through what comes."""
        for door in self._doors.values():
            door.open()

    def close(self) -> None:
        """Let nothing through, and break what is under way."""
        for door in self._doors.values():
            door.close()


@contextmanager
def storage_gate(connection_string: str) -> Iterator[StorageGate]:
    """Give an open gate, and close it at the end."""
    gate = StorageGate(connection_string)
    gate.open()
    try:
        yield gate
    finally:
        gate.close()


def _end(connection: socket.socket) -> None:
    # To close alone does not wake a thread that waits for the connection.
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
