"""Starts and stops the endpoints and the gateways."""

import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

from fakeidentity.gateway import Gateway, Service
from fakeidentity.identities import Directory, Identity
from fakeidentity.token_endpoints import APP_PATH, TokenEndpoints

_HOST: Final = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class ServedService:
    """A service, and the port on which the gateway serves in its place; 0 is any free port."""

    service: Service
    port: int = 0


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to serve. The gateways use `certificate` and its `key`, and trust services that use it too."""

    identities: Sequence[Identity]
    services: Sequence[ServedService]
    certificate: Path
    key: Path
    port: int = 0
    """The port of the token endpoints."""


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where everything is served, and the values of an app's environment."""

    url: str
    """The token endpoints: IMDS for nodes, and `/control`."""
    identity_header: str
    gateways: dict[str, str]
    """By the kind of service: blob, queue, batch."""

    @property
    def identity_endpoint(self) -> str:
        """The app's variable IDENTITY_ENDPOINT."""
        return f"{self.url}{APP_PATH}"


@asynccontextmanager
async def serving(options: Options) -> AsyncIterator[Addresses]:
    """Serve while the context lasts. Raises OSError if a port or the certificate can't be used."""
    directory = Directory(options.identities)
    endpoints = TokenEndpoints(directory)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.certificate, options.key)
    trust = ssl.create_default_context(cafile=str(options.certificate))
    async with AsyncExitStack() as stack:
        gateways: dict[str, str] = {}
        for served in options.services:
            gateway = Gateway(served.service, directory, trust)
            stack.push_async_callback(gateway.close)
            port = await _open(stack, gateway.application(), served.port, context)
            gateways[served.service.kind] = f"https://{_HOST}:{port}"
        port = await _open(stack, endpoints.application(), options.port)
        yield Addresses(url=f"http://{_HOST}:{port}", identity_header=endpoints.header, gateways=gateways)


async def _open(
    stack: AsyncExitStack, application: web.Application, port: int, context: ssl.SSLContext | None = None
) -> int:
    """Serve an application until the stack is closed. Return the port."""
    listener = socket.create_server((_HOST, port))
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1, auto_decompress=False)
    stack.push_async_callback(runner.cleanup)
    await runner.setup()
    await web.SockSite(runner, listener, ssl_context=context).start()
    chosen: int = listener.getsockname()[1]
    return chosen
