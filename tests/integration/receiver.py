"""A receiver of callbacks, like that of Azure Data Factory: its address is a secret."""

import json
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.integration.wait_until import TIMEOUT_S, until


@dataclass(frozen=True, kw_only=True)
class Call:
    """One received call."""

    headers: Mapping[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        """Return the JSON of the body."""
        return json.loads(self.content)


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """The address of the receiver, and the calls that it has received."""

    uri: str
    secret: str
    calls: list[Call] = field(default_factory=list)

    async def call(self, *, seconds: float = TIMEOUT_S) -> Call:
        """Wait for the first call, and return it."""
        await self.called(1, seconds=seconds)
        return self.calls[0]

    async def called(self, times: int, *, seconds: float = TIMEOUT_S) -> None:
        """Wait until this many calls are received."""

        async def enough() -> bool:
            return len(self.calls) >= times

        await until(enough, seconds=seconds)


@asynccontextmanager
async def receiving(*, port: int = 0, statuses: Sequence[int] = ()) -> AsyncIterator[Receiver]:
    """Start a receiver. It returns these statuses, one after the other, and then always 200."""
    left = list(statuses)
    secret = secrets.token_hex(16)
    calls: list[Call] = []

    async def receive(request: web.Request) -> web.Response:
        calls.append(Call(headers=dict(request.headers), content=await request.read()))
        return web.Response(status=left.pop(0) if left else 200)

    app = web.Application()
    app.router.add_post("/{secret}", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield Receiver(uri=f"{address}/{secret}?token={secret}", secret=secret, calls=calls)
    finally:
        await runner.cleanup()
