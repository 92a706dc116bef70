"""A webhook that keeps what Event Grid sends to it, and a clock whose pauses take no time."""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from tests.functions_host.storage_account import until


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request."""

    method: str
    headers: dict[str, str]
    body: Any

    @property
    def subjects(self) -> list[str]:
        events = self.body if isinstance(self.body, list) else [self.body]
        return [event["subject"].rpartition("/blobs/")[2] for event in events]


@dataclass(kw_only=True)
class EventReceiver:
    """Confirms subscriptions. Answers deliveries with the given statuses, then with 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    validation: str | None = None
    """Sent in place of the validation code."""
    allowed_origin: str = "eventgrid.azure.net"
    handshakes: list[Call] = field(default_factory=list)
    deliveries: list[Call] = field(default_factory=list)

    async def received(self, count: int) -> list[Call]:
        """Return the deliveries, as soon as there are so many."""

        async def enough() -> bool:
            return len(self.deliveries) >= count

        await until(enough)
        return self.deliveries

    @property
    def names(self) -> list[str]:
        """The blobs whose events arrived, in order."""
        return [name for call in self.deliveries for name in call.subjects]

    async def handle(self, request: web.Request) -> web.Response:
        text = await request.text()
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = Call(method=request.method, headers=headers, body=json.loads(text) if text else None)
        if request.method == "OPTIONS":
            self.handshakes.append(call)
            return web.Response(headers={"WebHook-Allowed-Origin": self.allowed_origin})
        if headers["aeg-event-type"] == "SubscriptionValidation":
            self.handshakes.append(call)
            code = self.validation or call.body[0]["data"]["validationCode"]
            return web.json_response({"validationResponse": code})
        self.deliveries.append(call)
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)


@asynccontextmanager
async def receiving(statuses: Iterable[int] = ()) -> AsyncIterator[EventReceiver]:
    """Run a receiver on a free port."""
    receiver = EventReceiver(statuses=list(statuses))
    app = web.Application()
    app.router.add_route("*", "/hook", receiver.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()


class VirtualClock:
    """Jumps ahead instead of waiting, and keeps the pauses."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
        self.pauses: list[float] = []

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        if seconds:
            self.pauses.append(seconds)
        self.time += timedelta(seconds=seconds)
