"""Stand-ins of what Azure puts before the local stack: a key vault, and checks of keys and tokens."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
from aiohttp import web

KEY = "a-function-key"
SECRET = "batchmgr-function-key"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """Serve all requests with one handler. Yield the address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _has_token(request: web.Request, resource: str) -> bool:
    return request.headers.get("Authorization") == f"Bearer token for {resource}"


async def _vault(request: web.Request) -> web.Response:
    if not _has_token(request, "https://vault.azure.net"):
        return web.json_response({"error": {"code": "Unauthorized"}}, status=401)
    if request.path != f"/secrets/{SECRET}" or not request.query.get("api-version"):
        return web.json_response({"error": {"code": "SecretNotFound"}}, status=404)
    return web.json_response({"value": KEY, "id": str(request.url), "attributes": {"enabled": True}})


@asynccontextmanager
async def key_vault() -> AsyncIterator[str]:
    """Run a key vault with the function key. Yield its address."""
    async with serving(_vault) as address:
        yield address


@asynccontextmanager
async def key_check(app: str, *, statuses: Sequence[int] = (), delay: float = 0) -> AsyncIterator[str]:
    """Run a front of a function app that lets only requests with the key pass, as Azure does.

    The first requests get these statuses in place of an answer. The answer to a new job takes `delay` s.
    """
    left = list(statuses)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())

        async def check(request: web.Request) -> web.Response:
            if request.headers.get("x-functions-key") != KEY:
                return web.Response(status=401)
            if left:
                return web.Response(status=left.pop(0))
            host = {"Host": request.headers["Host"]}  # so that the links in the answer lead here too
            answer = await _forward(http, request, f"{app}{request.rel_url}", host)
            await asyncio.sleep(delay if request.path == "/api/jobs" else 0)
            return answer

        yield await stack.enter_async_context(serving(check))


@asynccontextmanager
async def token_check(
    queues: str, http: aiohttp.ClientSession, signature: str, headers: Mapping[str, str]
) -> AsyncIterator[str]:
    """Run a front of a queue service that takes the factory's tokens.

    What passes goes on with this signature, or with these headers.
    """

    async def check(request: web.Request) -> web.Response:
        if not _has_token(request, "https://storage.azure.com/"):
            return web.Response(status=403, text="<Error><Code>AuthorizationFailure</Code></Error>")
        if request.headers.get("x-ms-version", "") < "2017-11-09":
            return web.Response(status=400, text="<Error><Code>InvalidHeaderValue</Code></Error>")
        return await _forward(http, request, f"{queues}{request.rel_url}?{signature}", headers)

    async with serving(check) as address:
        yield address


async def _forward(
    http: aiohttp.ClientSession, request: web.Request, url: str, headers: Mapping[str, str]
) -> web.Response:
    sent = {
        name: request.headers[name] for name in ("Content-Type", "x-ms-version") if name in request.headers
    }
    sent |= headers
    async with http.request(request.method, url, data=await request.read(), headers=sent) as answer:
        kept = {name: answer.headers[name] for name in ("Location", "Retry-After") if name in answer.headers}
        return web.Response(
            status=answer.status, body=await answer.read(), headers=kept, content_type=answer.content_type
        )
