"""TCP ports of this machine. Port 0 always stands for any free one."""

import socket

from batchmgr.errors import StackError

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A port that is free now: only for programs that cannot choose one by themselves and say which."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def require_free(port: int, *, what: str, option: str) -> None:
    """Raise StackError if `port` is taken, saying for `what` it is meant and which `option` changes it."""
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still fading away counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise StackError(
                f"Port {port}, meant for {what}, cannot be used ({error.strerror}). "
                f"Stop what is using it, or choose another with {option} (0 takes any free one)."
            ) from error
