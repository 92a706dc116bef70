"""Receivers that hang, many more than the host's invocations: the callbacks of others arrive meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from tests.integration.client import Client
from tests.integration.messages import job
from tests.integration.receiver import Receiver
from tests.integration.wait_until import until

MANY = 40
"""More than the eight messages of a queue that an instance takes and the sixteen jobs that it polls."""


@dataclass
class Hanging:
    """Receivers, each with a host of its own, that do not answer before `release` is set."""

    port: int = 0
    open: int = 0
    release: asyncio.Event = field(default_factory=asyncio.Event)

    def uri(self, number: int) -> str:
        return f"http://127.0.1.{number + 1}:{self.port}/done"

    async def handle(self, request: web.Request) -> web.Response:
        self.open += 1
        try:
            await self.release.wait()
        finally:
            self.open -= 1
        return web.Response()


@asynccontextmanager
async def hanging_receivers() -> AsyncIterator[Hanging]:
    hanging, app = Hanging(), web.Application()
    app.router.add_post("/done", hanging.handle)
    # A client that gives up is noticed: its call is no longer open.
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "0.0.0.0", 0).start()
        hanging.port = runner.addresses[0][1]
        yield hanging
    finally:
        await runner.cleanup()


@pytest.mark.real_limits
async def test_a_callback_arrives_while_more_receivers_hang_than_there_are_invocations(
    client: Client, receiver: Receiver, job_id: str
) -> None:
    async with hanging_receivers() as hanging:
        # Rejected jobs have a callback, and need no tasks.
        hangs = {f"{job_id}-{number}": hanging.uri(number) for number in range(MANY)}
        await asyncio.gather(
            *(client.send({"jobId": each, "callBackUri": uri, "tasks": 5}) for each, uri in hangs.items())
        )

        async def all_hang() -> bool:
            return hanging.open == MANY

        await until(all_hang)
        await client.submit(job(job_id, callBackUri=receiver.uri))
        assert (await receiver.call()).body["StatusCode"] == "200"
        hanging.release.set()
        settled = [await client.wait_until_delivered(each) for each in hangs]
    assert {each["state"] for each in settled} == {"rejected"}
