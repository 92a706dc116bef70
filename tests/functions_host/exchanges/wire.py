"""HTTP over a bare socket: what is sent is sent as it is, and what comes is kept as it comes."""

import socket
from contextlib import suppress
from dataclasses import dataclass

from tests.functions_host.exchanges.recording import Request

_PIECE = 1 << 20
_WITHOUT_BODY = (204, 304)
INTERIM_SECONDS = 1.0
"""How long a held-back body waits for an interim answer."""
QUIET_SECONDS = 1.5
"""A connection on which nothing comes for so long after a whole answer counts as left open."""
ANSWER_SECONDS = 30.0
"""A host that sends nothing for so long does not answer."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    """Without the transfer coding."""
    complete: bool
    """False where the connection ended before the body did."""
    open: bool
    """Whether the connection was still open when waiting ended."""
    interim: tuple[str, ...] = ()
    """The status lines of interim answers."""

    def header(self, name: str) -> str | None:
        """Return the first value of a header."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class NoAnswerError(Exception):
    """The connection was refused, or ended without an answer."""


def send(port: int, request: Request) -> Answer:
    """Send a request on a new connection, and read until the host closes it or falls silent.

    Raises NoAnswerError when there is no answer.
    """
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS) as connection:
            return _converse(connection, request)
    except ConnectionError as error:
        raise NoAnswerError(str(error)) from error


def get(port: int, path: str) -> Answer:
    """Send a plain GET."""
    head = f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n"
    return send(port, Request(method="GET", head=head.encode(), body=b"", expects_interim=False))


def _converse(connection: socket.socket, request: Request) -> Answer:
    received, interim = b"", []
    if request.expects_interim:
        connection.sendall(request.head)
        received = _first_bytes(connection)
        if received.startswith(b"HTTP/1.1 100"):
            head, _, received = received.partition(b"\r\n\r\n")
            interim.append(head.decode().partition("\r\n")[0])
        connection.sendall(request.body)
    else:
        # The host may refuse a long body before it has read it; its answer is there nevertheless.
        with suppress(ConnectionError):
            connection.sendall(request.head + request.body)
    received, is_open = _read(connection, received, request.method)
    return _parse(received, request.method, is_open=is_open, interim=tuple(interim))


def _first_bytes(connection: socket.socket) -> bytes:
    connection.settimeout(INTERIM_SECONDS)
    try:
        return connection.recv(_PIECE)
    except TimeoutError:
        return b""
    finally:
        connection.settimeout(ANSWER_SECONDS)


def _read(connection: socket.socket, received: bytes, method: str) -> tuple[bytes, bool]:
    """Return all that comes, and whether the connection is still open."""
    while True:
        whole = b"\r\n\r\n" in received and _parse(received, method, is_open=True).complete
        connection.settimeout(QUIET_SECONDS if whole else ANSWER_SECONDS)
        try:
            piece = connection.recv(_PIECE)
        except (TimeoutError, ConnectionResetError) as error:
            return received, isinstance(error, TimeoutError)
        if not piece:
            return received, False
        received += piece


def _parse(received: bytes, method: str, *, is_open: bool, interim: tuple[str, ...] = ()) -> Answer:
    head, separator, rest = received.partition(b"\r\n\r\n")
    if not separator:
        raise NoAnswerError(f"no answer, only {received[:100]!r}")
    status_line, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    _, _, code_and_reason = status_line.partition(" ")
    status, _, reason = code_and_reason.partition(" ")
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    body, complete = _body(rest, int(status), method, {name.lower(): value for name, value in headers})
    return Answer(
        status=int(status),
        reason=reason,
        headers=tuple(headers),
        body=body,
        complete=complete,
        open=is_open,
        interim=interim,
    )


def _body(rest: bytes, status: int, method: str, headers: dict[str, str]) -> tuple[bytes, bool]:
    """Return the body without its transfer coding, and whether it is all there."""
    if method == "HEAD" or status in _WITHOUT_BODY:
        return rest, True
    if headers.get("transfer-encoding") == "chunked":
        return _unchunked(rest)
    if "content-length" in headers:
        return rest, len(rest) >= int(headers["content-length"])
    return rest, True


def _unchunked(rest: bytes) -> tuple[bytes, bool]:
    body = b""
    while b"\r\n" in rest:
        size, _, rest = rest.partition(b"\r\n")
        try:
            length = int(size, 16)
        except ValueError:
            return body, False
        if length == 0:
            return body, True
        body, rest = body + rest[:length], rest[length + 2 :]
    return body, False
