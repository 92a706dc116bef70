"""Checks TCP ports of this machine. Port 0 always means any free port."""

import socket

from batchmgr.errors import StackError

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """Return a port that is free now. Use it only for programs that cannot choose a port themselves."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def require_free(port: int, *, what: str, option: str) -> None:
    """Raise StackError if `port` is in use. The message says what to do about it."""
    with socket.socket() as probe:
        # As servers do, so that a port with connections in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise StackError(
                f"Port {port} for {what} cannot be used ({error.strerror}). "
                f"Stop the program that uses it, or choose another port with {option} (0: any free port)."
            ) from error
