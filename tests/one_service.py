"""An app whose services, storage and Azure Batch, are all one server of the test."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from batchmgr.settings import Settings

KEY = base64.b64encode(b"key").decode()


@asynccontextmanager
async def one_service(
    handle: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncIterator[Settings]:
    """Serve every request by this function. Yield the settings of the app."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    uri = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield Settings(
            storage_connection_string=f"DefaultEndpointsProtocol=http;AccountName=store;AccountKey={KEY};"
            f"BlobEndpoint={uri}/store;QueueEndpoint={uri}/store;",
            batch_endpoint=uri,
            batch_account="batch",
            batch_key=KEY,
        )
    finally:
        await runner.cleanup()
