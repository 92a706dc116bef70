"""Messages between the host and its worker process: pickled objects, each after its length in bytes."""

import pickle
import struct
from dataclasses import dataclass
from typing import Any

from functions_host.function_metadata import Function
from functions_host.typed_data import Outputs

LENGTH = struct.Struct("!Q")
"""The length of the message that follows."""


@dataclass(frozen=True, kw_only=True)
class LoadResponse:
    """The first message of a worker: the functions of the app, or why it cannot be indexed."""

    functions: list[Function]
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class InvocationResponse:
    """The end of an invocation: its outputs, or the traceback of its exception."""

    invocation_id: str
    outputs: Outputs | None = None
    error: str | None = None


def pack(message: object) -> bytes:
    """Return a message with its length before it."""
    content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(content)) + content


def unpack(content: bytes) -> Any:
    """Return the message of some bytes, which must come from the other end."""
    # Only the two processes of one host have the socket.
    return pickle.loads(content)  # noqa: S301
