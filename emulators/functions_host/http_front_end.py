"""The HTTP server of a host. It outlives the job hosts that answer its requests one after the other."""

import asyncio

from aiohttp import web

from functions_host.errors import HostError
from functions_host.http_server import Handler, HttpServer

_LAST_SECONDS = 5
"""How long `stop` waits for a client to receive its response."""


class HttpFrontEnd:
    """Listens on one address, and passes requests to the present handler. Without one, they wait."""

    def __init__(self, address: str, port: int) -> None:
        """Port 0 means any free port."""
        self._address = address
        self._port = port
        self._handler: Handler | None = None
        self._has_handler = asyncio.Event()
        self._runner: web.ServerRunner | None = None
        self._site: web.TCPSite | None = None
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def port(self) -> int:
        """The port of the server. Raises HostError before `listen`."""
        if self._runner is None or not self._runner.addresses:
            raise HostError("the host has not been started")
        return int(self._runner.addresses[0][1])

    @property
    def url(self) -> str:
        """The base URL of the server. Raises HostError before `listen`."""
        return f"http://{self._address}:{self.port}"

    async def listen(self) -> None:
        """Accept connections. Raises OSError if the port is in use. A second call does nothing."""
        if self._runner is not None:
            return
        runner = web.ServerRunner(HttpServer(self._handle), shutdown_timeout=_LAST_SECONDS)
        await runner.setup()
        self._site = web.TCPSite(runner, self._address, self._port)
        try:
            await self._site.start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner

    def pass_to(self, handler: Handler | None) -> None:
        """Pass requests to another handler from now on, or to none for a while."""
        self._handler = handler
        if handler is None:
            self._has_handler.clear()
        else:
            self._has_handler.set()

    async def refuse_connections(self) -> None:
        """Accept no more connections, and close those without a request. Requests go on."""
        if self._site is not None and self._runner is not None:
            await self._site.stop()
            self._site = None
            if self._runner.server is not None:
                self._runner.server.pre_shutdown()

    async def wait_until_idle(self) -> None:
        """Return when all requests have been answered."""
        await self._idle.wait()

    async def stop(self) -> None:
        """Close the server and all connections. Requests that are still running are cancelled."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self._running += 1
        self._idle.clear()
        try:
            while self._handler is None:
                await self._has_handler.wait()
            return await self._handler(request)
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()
