"""The HTTP server: aiohttp's, with the limits and the refusals of Kestrel, the server of the real host."""

import logging
import re
from asyncio import Task, get_running_loop
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from aiohttp import hdrs, http_parser, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import SERVER_SOFTWARE, HttpVersion10, HttpVersion11, RawRequestMessage
from aiohttp.http_exceptions import LineTooLong
from aiohttp.streams import StreamReader

MAX_REQUEST_BYTES = 104_857_600
"""The maximum size of a request body."""

# The limits are Kestrel's defaults.
_MAX_REQUEST_LINE = 8192
_MAX_HEADERS = 100
_MAX_HEADER_BYTES = 32_768
_LINGERING_SECONDS = 5
# The parser has to let a request with too many headers through, so that it is refused here with a 431.
_PARSER_MAX_HEADERS = 16_384
_HOST = re.compile(r"(?:[A-Za-z0-9!$&'()\-._~]*|\[[0-9A-Fa-f:.]+\])(?::\d*)?")
_SERVER_NAME = "Kestrel"
# Where ASP.NET Core has another phrase than some version of Python, or Python has none.
_REASONS = {
    203: "Non-Authoritative",
    306: "Switch Proxy",
    413: "Payload Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    419: "Authentication Timeout",
    422: "Unprocessable Entity",
    499: "Client Closed Request",
}

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_log = logging.getLogger(__name__)


class Request(web.Request):
    """A request outside of an aiohttp application."""

    async def read(self) -> bytes:
        """Read the body. A client that waits for `100 Continue` gets it now, not before."""
        if self.headers.get(hdrs.EXPECT, "").lower() == "100-continue" and self.version == HttpVersion11:
            await self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            # The response has not begun with this.
            self.writer.output_size = 0
        return await super().read()

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        """Replace what aiohttp adds to the headers of each response, just before they are sent."""
        headers = response.headers
        if headers.get(hdrs.SERVER) == SERVER_SOFTWARE:
            headers[hdrs.SERVER] = _SERVER_NAME
        if headers.get(hdrs.CONTENT_TYPE) == "":
            del headers[hdrs.CONTENT_TYPE]
        if self.method == hdrs.METH_HEAD or hdrs.TRANSFER_ENCODING in headers:
            headers.popall(hdrs.CONTENT_LENGTH, None)
        if not response.keep_alive:
            headers.setdefault(hdrs.CONNECTION, "close")


class Connection(web.RequestHandler):
    """A connection of a client."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # aiohttp's compiled parser has a fixed list of methods. Its Python parser takes any, as Kestrel does.
        if hasattr(self, "_parser"):
            self._parser = http_parser.HttpRequestParserPy(
                self,
                get_running_loop(),
                2**16,
                max_line_size=self.max_line_size,
                max_field_size=self.max_field_size,
                max_headers=_PARSER_MAX_HEADERS,
                payload_exception=web.RequestPayloadError,
                auto_decompress=False,
            )

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return an empty response for a request that is malformed or whose handler raised an exception."""
        if status == 500:
            _log.error("A request failed: %s %s", request.method, request.path, exc_info=exc)
        if isinstance(exc, LineTooLong):
            status = 414 if exc.args[1] == _MAX_REQUEST_LINE else 431
        response = web.Response(status=status, reason=reason_phrase(status))
        response.force_close()
        return response


class HttpServer(web.Server):
    """Makes a `Connection` for each connection. Handlers get requests that Kestrel would accept."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        super().__init__(self._check, request_factory=self._new_request)

    def __call__(self) -> web.RequestHandler:
        """Return the protocol of a new connection."""
        return Connection(
            self,
            loop=get_running_loop(),
            access_log=None,
            auto_decompress=False,
            max_line_size=_MAX_REQUEST_LINE,
            max_field_size=_MAX_HEADER_BYTES,
            lingering_time=_LINGERING_SECONDS,
        )

    async def _check(self, request: web.BaseRequest) -> web.StreamResponse:
        if (status := _refusal_status(request)) is not None:
            return await refuse(request, status)
        return await self._handler(request)

    def _new_request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: "Task[None]",
    ) -> Request:
        return Request(
            message, payload, protocol, writer, task, get_running_loop(), client_max_size=MAX_REQUEST_BYTES
        )


async def refuse(request: web.BaseRequest, status: int) -> web.StreamResponse:
    """Send an empty response, and close the connection at once, without reading the rest of the request."""
    response = web.Response(status=status, reason=reason_phrase(status))
    response.force_close()
    await response.prepare(request)
    await response.write_eof()
    request.protocol.force_close()
    return response


def reason_phrase(status: int) -> str:
    """Return the reason phrase of a status: that of ASP.NET Core, whatever the version of Python."""
    return _REASONS.get(status) or web.Response(status=status).reason or ""


def _refusal_status(request: web.BaseRequest) -> int | None:
    """Return the status with which Kestrel refuses a request before anything handles it, or None."""
    headers = request.raw_headers
    target = request.raw_path
    if request.version not in (HttpVersion10, HttpVersion11):
        return 505
    if len(f"{request.method} {target} HTTP/1.1\r\n") > _MAX_REQUEST_LINE:
        return 414
    header_bytes = sum(len(name) + len(value) + 4 for name, value in headers) + 2
    if len(headers) > _MAX_HEADERS or header_bytes > _MAX_HEADER_BYTES:
        return 431
    is_valid = (
        request.method != hdrs.METH_CONNECT
        and target.isascii()
        and all(_is_utf_8(value) for _, value in headers)
        and _has_valid_host(request)
    )
    return None if is_valid else 400


def _is_utf_8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _has_valid_host(request: web.BaseRequest) -> bool:
    host = request.headers.get(hdrs.HOST, "")
    if _HOST.fullmatch(host) is None:
        return False
    # The authority of an absolute target has to be the one of the header.
    is_absolute = not request.raw_path.startswith(("/", "*"))
    return not is_absolute or urlsplit(request.raw_path).netloc == host
