"""A proxy between one host and Azurite that notes every storage request with its answer."""

import asyncio
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree import ElementTree

from tests.functions_host.recordings.http_frames import Frame, read_frame

_LARGEST_HEAD = 2**20
_EMPTY_LOGS = (
    b'<?xml version="1.0"?>'
    b'<EnumerationResults ContainerName="$logs"><Blobs /><NextMarker /></EnumerationResults>'
)
_OK_WITH_XML = b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n"


@dataclass(frozen=True, kw_only=True)
class StorageRequest:
    """A request of a host, and what it got."""

    host: str
    at: float
    """When the request was read, in seconds since 1970."""
    service: str
    """`blob` or `queue`."""
    method: str
    path: str
    """Without the account, unquoted."""
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    status: int
    answer: bytes

    @property
    def received(self) -> list[ElementTree.Element]:
        """The messages that a fetch got."""
        if self.service != "queue" or self.method != "GET" or self.status != 200:
            return []
        return ElementTree.fromstring(self.answer.lstrip(b"\xef\xbb\xbf")).findall("QueueMessage")


@dataclass
class StorageProxy:
    """Listens on two ports of its own, and passes requests on to Azurite's two."""

    host: str
    targets: dict[str, int]
    """The port of Azurite for `blob` and for `queue`."""
    reachable: bool = True
    """While false, connections are closed instead of answered."""
    requests: list[StorageRequest] = field(default_factory=list)
    ports: dict[str, int] = field(default_factory=dict)
    _servers: list[asyncio.Server] = field(default_factory=list)
    _connections: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> None:
        """Listen."""
        for service in self.targets:
            server = await asyncio.start_server(
                partial(self._accept, service), "127.0.0.1", 0, limit=_LARGEST_HEAD
            )
            self._servers.append(server)
            self.ports[service] = server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the ports and every connection."""
        for server in self._servers:
            server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, service: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.ensure_future(self._serve(service, reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, service: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream = _Upstream(self.targets)
        try:
            while True:
                request = await read_frame(reader)
                if not self.reachable:
                    return
                writer.write(await self._answer(request, service, upstream))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            # The host, or Azurite, has closed its connection.
            pass
        finally:
            writer.close()
            upstream.close()

    async def _answer(self, request: Frame, service: str, upstream: "_Upstream") -> bytes:
        """Pass a request on, note it, and return the raw answer."""
        at = time.time()
        method, url, _ = request.first_line.split(" ")
        raw, by_name = request.raw, url.startswith("http://")
        if by_name:
            # A host that was given ACCOUNT.blob.storage.test as its storage uses this proxy as an HTTP proxy.
            service = "blob" if ".blob." in urlsplit(url).netloc else "queue"
            raw = re.sub(rb"^(\w+) http://[^/?]*", rb"\1 ", raw, count=1)
        path = "/".join(unquote(urlsplit(url).path).split("/")[1 if by_name else 2 :])
        if by_name and path == "$logs":
            # Azurite has no $logs. Azure has, and it is empty until logging is switched on.
            status, answer, raw_answer = 200, _EMPTY_LOGS, _OK_WITH_XML % len(_EMPTY_LOGS) + _EMPTY_LOGS
        else:
            response = await upstream.exchange(service, raw, answers_head=method == "HEAD")
            status, answer, raw_answer = int(response.first_line.split(" ")[1]), response.body, response.raw
        noted = StorageRequest(
            host=self.host,
            at=at,
            service=service,
            method=method,
            path=path,
            query=dict(parse_qsl(urlsplit(url).query, keep_blank_values=True)),
            headers=request.headers,
            body=request.body,
            status=status,
            answer=answer,
        )
        self.requests.append(noted)
        return raw_answer


@dataclass
class _Upstream:
    """The connections to Azurite behind one connection of the host."""

    targets: dict[str, int]
    _open: dict[str, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=dict)

    async def exchange(self, service: str, request: bytes, *, answers_head: bool) -> Frame:
        if service not in self._open:
            self._open[service] = await asyncio.open_connection(
                "127.0.0.1", self.targets[service], limit=_LARGEST_HEAD
            )
        reader, writer = self._open[service]
        writer.write(request)
        await writer.drain()
        return await read_frame(reader, answers_head=answers_head)

    def close(self) -> None:
        for _, writer in self._open.values():
            with suppress(RuntimeError):
                writer.close()
