"""A proxy for HTTP connections that cuts them, loses answers, or answers that the service is busy."""

import asyncio
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Literal
from urllib.parse import urlsplit

_CHUNK = 64 * 1024
_REQUEST = re.compile(rb"([A-Z]+) (/\S*) HTTP/1\.1\r\n")
_BUSY = (
    b"HTTP/1.1 503 Server Busy\r\nx-ms-error-code: ServerBusy\r\nRetry-After: 1\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)

What = Literal["cut", "error", "lost"]


@dataclass(frozen=True, kw_only=True)
class ProxyFault:
    """What happens to a request, and how likely it is.

    `cut`: the connection is closed before the request is passed on. `lost`: the request is carried out, and
    the connection closed instead of the answer. `error`: the answer is 503, and nothing is carried out.
    """

    what: What
    probability: float


@dataclass
class _Connection:
    loses_answer: bool = False


class FaultyProxy:
    """Passes connections on to one of `ports()` of this machine, to each in turn.

    Requests for which `is_spared(what, method, path)` is true get no fault.
    """

    def __init__(
        self,
        ports: Callable[[], Sequence[int]],
        random: Random,
        *,
        is_spared: Callable[[What, str, str], bool] = lambda what, method, path: False,
    ) -> None:
        self.faults: list[ProxyFault] = []
        self.struck = 0
        self.port = 0
        self._ports = ports
        self._random = random
        self._is_spared = is_spared
        self._turn = 0
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and all connections."""
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.ensure_future(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream = await self._connect()
            if upstream is None:
                return
            answers, requests = upstream
            try:
                await self._pass_both_ways(reader, writer, answers, requests)
            finally:
                await _close(requests)
        finally:
            await _close(writer)

    async def _pass_both_ways(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        requests: asyncio.StreamWriter,
    ) -> None:
        """Pass everything on until one of the two sides closes its connection, or a fault does."""
        state = _Connection()
        pumps = [
            asyncio.create_task(self._pass_requests(reader, requests, writer, state)),
            asyncio.create_task(_pass_answers(answers, writer, state)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        ports = self._ports()
        self._turn += 1
        for place in range(len(ports)):
            with suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", ports[(self._turn + place) % len(ports)])
        return None

    async def _pass_requests(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        back: asyncio.StreamWriter,
        state: _Connection,
    ) -> None:
        while data := await source.read(_CHUNK):
            match self._draw(data):
                case "cut":
                    return
                case "error":
                    back.write(_BUSY)
                    await back.drain()
                    return
                case "lost":
                    state.loses_answer = True
            target.write(data)
            await target.drain()

    def _draw(self, data: bytes) -> What | None:
        """Return the fault of a request, if these are its first bytes and it gets one."""
        found = _REQUEST.match(data)
        if found is None:
            return None
        method, path = found[1].decode(), urlsplit(found[2].decode("latin-1"))
        for fault in self.faults:
            spared = self._is_spared(fault.what, method, f"{path.path}?{path.query}")
            if not spared and self._random.random() < fault.probability:
                self.struck += 1
                return fault.what
        return None


async def _pass_answers(
    source: asyncio.StreamReader, target: asyncio.StreamWriter, state: _Connection
) -> None:
    while data := await source.read(_CHUNK):
        if state.loses_answer:
            return
        target.write(data)
        await target.drain()


async def _close(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, RuntimeError):
        writer.close()
        await writer.wait_closed()
