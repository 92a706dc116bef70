"""The HTTP functions of the app behind a real server, in a thread, on a world of fakes."""

import asyncio
import re
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from queue import Queue

import azure.functions as func
from aiohttp import web

from tests.functions.app import Handler, ReadyRuntime, handlers, http_routes
from tests.world import World

LONGEST_LINE = 1024 * 1024
Started = tuple[asyncio.AbstractEventLoop, asyncio.Event, int]


@contextmanager
def served(world: World) -> Iterator[str]:
    """Serve the app until the block ends. Give the URL of its API."""
    started = Queue[Started]()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(world, started)), daemon=True)
    thread.start()
    loop, ended, port = started.get(timeout=30)
    try:
        yield f"http://127.0.0.1:{port}/api"
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(timeout=30)


async def _serve(world: World, started: Queue[Started]) -> None:
    app, functions = web.Application(), handlers(ReadyRuntime(world.ports))
    for name, (method, route) in http_routes().items():
        path = re.sub(r"{\*(\w+)}", r"{\1:.+}", route)
        app.router.add_route(method, f"/api/{path}", _calls(functions[name]))
    runner = web.AppRunner(app, max_line_size=LONGEST_LINE, max_field_size=LONGEST_LINE)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    ended = asyncio.Event()
    started.put((asyncio.get_running_loop(), ended, runner.addresses[0][1]))
    await ended.wait()
    await runner.cleanup()


def _calls(function: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return a handler that calls the function as the Python worker does."""

    async def call(request: web.Request) -> web.Response:
        answer = await function(
            func.HttpRequest(
                request.method,
                str(request.url),
                headers={name.lower(): value for name, value in request.headers.items()},
                params=dict(request.query),
                route_params=dict(request.match_info),
                body=await request.read(),
            )
        )
        headers = dict(answer.headers)
        if answer.get_body():
            headers["Content-Type"] = answer.mimetype
        return web.Response(status=answer.status_code, headers=headers, body=answer.get_body())

    return call
