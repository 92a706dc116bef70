"""Connections between the nodes of a multi-instance task, on which each message is a line of JSON."""

from __future__ import annotations

import errno
import json
import socket
import time
from collections.abc import Sequence
from typing import Any

TIMEOUT_S = 60.0
"""How long to wait for another node before it counts as lost."""

_PAUSE_S = 0.05


class Channel:
    """One end of a connection. Every failure of it is an `OSError`."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(TIMEOUT_S)
        connection.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )  # send at once: the other node is waiting
        self._connection = connection
        self._lines = connection.makefile("rb")

    def send(self, value: Any) -> None:
        """Send a JSON value. Numbers arrive exactly, to the last digit."""
        self._connection.sendall(json.dumps(value).encode() + b"\n")

    def receive(self) -> Any:
        """Return the next value that the other end sends."""
        line = self._lines.readline()
        if not line:
            raise ConnectionResetError(errno.ECONNRESET, "the other node has gone")
        return json.loads(line)

    def close(self) -> None:
        """Close the connection."""
        self._lines.close()
        self._connection.close()


def find_rank(hosts: Sequence[str], port: int) -> tuple[int, socket.socket]:
    """Return this node's rank, its number among the hosts, and a socket that listens on its address.

    Azure Batch does not say which of the addresses is the node's own: it is the one that it can listen on.
    """
    for rank, host in enumerate(hosts):
        try:
            return rank, socket.create_server((host, port))
        except OSError as error:
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EADDRINUSE):
                raise
    raise OSError(errno.EADDRNOTAVAIL, f"none of {', '.join(hosts)} is free here, on port {port}")


def connect(host: str, port: int) -> Channel:
    """Return a connection to a node. Retry until the node listens."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        try:
            return Channel(socket.create_connection((host, port), timeout=TIMEOUT_S))
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE_S)


def accept(server: socket.socket) -> Channel:
    """Return the next incoming connection."""
    server.settimeout(TIMEOUT_S)
    connection, _ = server.accept()
    return Channel(connection)
