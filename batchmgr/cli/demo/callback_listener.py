"""An HTTP server on this machine that receives a job's callback."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from batchmgr.devstack.tcp_ports import LOOPBACK

_PATH = "/callback"


@dataclass(frozen=True, kw_only=True)
class CallbackListener:
    """The URI to call, and the body of the first callback."""

    uri: str
    received: asyncio.Future[dict[str, Any]]


@asynccontextmanager
async def callback_listener() -> AsyncIterator[CallbackListener]:
    """Listen on a free port until the end of the block."""
    received: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    async def receive(request: web.Request) -> web.Response:
        try:
            body = await request.json()
        except json.JSONDecodeError:
            return web.Response(status=400, text="The body must be JSON.")
        if not received.done():  # a callback is delivered at least once
            received.set_result(body)
        return web.Response(status=200)

    app = web.Application()
    app.router.add_post(_PATH, receive)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, 0).start()
        port = runner.addresses[0][1]
        yield CallbackListener(uri=f"http://{LOOPBACK}:{port}{_PATH}", received=received)
    finally:
        await runner.cleanup()
