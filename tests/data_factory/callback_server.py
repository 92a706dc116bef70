"""Where WebHook activities are called back. Whoever knows an address can end its activity."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(kw_only=True)
class CallbackServer:
    """The addresses that activities wait at."""

    address: str = ""
    _waiting: dict[str, "asyncio.Future[Any]"] = field(default_factory=dict)

    @asynccontextmanager
    async def expecting(self) -> AsyncIterator[tuple[str, "asyncio.Future[Any]"]]:
        """Yield a new address, and the body of the first call to it."""
        secret = secrets.token_hex(16)
        self._waiting[secret] = asyncio.get_running_loop().create_future()
        try:
            yield f"{self.address}/callback/{secret}?token={secret}", self._waiting[secret]
        finally:
            del self._waiting[secret]

    async def receive(self, request: web.Request) -> web.Response:
        """Take a call. A second call is accepted, and changes nothing."""
        waiting = self._waiting.get(request.match_info["secret"])
        if waiting is None:
            return web.Response(status=404)
        try:
            body = json.loads(await request.text())
        except ValueError:
            return web.Response(status=400)
        if request.content_type != "application/json" or not isinstance(body, dict):
            return web.Response(status=400)
        if not waiting.done():
            waiting.set_result(body)
        return web.Response(status=200)


@asynccontextmanager
async def callback_server() -> AsyncIterator[CallbackServer]:
    """Run a callback server on this machine."""
    server = CallbackServer()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/callback/{secret}", server.receive)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        await runner.cleanup()
