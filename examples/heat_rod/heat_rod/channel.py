"""Connections between the nodes of a multi-instance task: a line of JSON each way at a time."""

from __future__ import annotations

import errno
import json
import socket
import time
from collections.abc import Sequence
from typing import Any

PATIENCE_S = 60.0
"""How long another node may keep this one waiting: after that it counts as lost."""

_PAUSE_S = 0.05


class Channel:
    """One end of a connection. Whatever breaks it is an `OSError`."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what is sent is waited for
        self._connection = connection
        self._lines = connection.makefile("rb")

    def send(self, value: Any) -> None:
        """Send what JSON can say; numbers arrive as they are, to the last digit."""
        self._connection.sendall(json.dumps(value).encode() + b"\n")

    def receive(self) -> Any:
        """What the other end has sent next."""
        line = self._lines.readline()
        if not line:
            raise ConnectionResetError(errno.ECONNRESET, "the other node has gone")
        return json.loads(line)

    def close(self) -> None:
        """End the connection."""
        self._lines.close()
        self._connection.close()


def take_place(hosts: Sequence[str], port: int) -> tuple[int, socket.socket]:
    """This node's number among the hosts, and a socket that listens there.

    A node isn't told which of the addresses is its own: it is the one that it can listen on.
    """
    for rank, host in enumerate(hosts):
        try:
            return rank, socket.create_server((host, port))
        except OSError as error:
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EADDRINUSE):
                raise
    raise OSError(errno.EADDRNOTAVAIL, f"none of {', '.join(hosts)} is free here, on port {port}")


def connect(host: str, port: int) -> Channel:
    """A connection to a node, which may need some time until it listens."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return Channel(socket.create_connection((host, port), timeout=PATIENCE_S))
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE_S)


def accept(server: socket.socket) -> Channel:
    """The next connection that comes in."""
    server.settimeout(PATIENCE_S)
    connection, _ = server.accept()
    return Channel(connection)
