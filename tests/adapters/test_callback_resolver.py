"""Host names of receivers are looked up in threads of their own: a name server that hangs holds up nobody."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from batchmgr.adapters.callback_resolver import CallbackResolver


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """What look-ups of names under `slow.example` wait for. It is opened at the end."""
    event, real = threading.Event(), socket.getaddrinfo

    def look_up(host: Any, *args: Any, **options: Any) -> Any:
        if str(host).endswith("slow.example"):
            event.wait()
            raise socket.gaierror("timed out")
        return real(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield event
    event.set()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    resolver = CallbackResolver(100)
    connector = aiohttp.TCPConnector(limit=0, resolver=resolver)
    async with aiohttp.ClientSession(connector=connector) as made:
        yield made
    await resolver.close()


async def test_names_that_are_not_found_for_a_long_time_hold_up_neither_other_receivers_nor_azure(
    session: aiohttp.ClientSession, gate: threading.Event
) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_post("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    hanging = [asyncio.create_task(_post(session, f"http://{n}.slow.example/")) for n in range(80)]
    async with asyncio.timeout(30):
        assert await _post(session, f"http://localhost:{port}/") == 200
        # The clients of Azure look names up in the threads of the event loop.
        assert await asyncio.get_running_loop().getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)
    assert not any(each.done() for each in hanging)
    gate.set()
    errors = await asyncio.gather(*hanging, return_exceptions=True)
    assert {type(error) for error in errors} == {aiohttp.ClientConnectorDNSError}
    await runner.cleanup()


async def _post(session: aiohttp.ClientSession, uri: str) -> int:
    async with session.post(uri) as response:
        return response.status


async def test_addresses_are_those_of_the_system(session: aiohttp.ClientSession) -> None:
    resolver = CallbackResolver(1)
    found = await resolver.resolve("127.0.0.1", 443)
    await resolver.close()
    assert [(each["hostname"], each["host"], each["port"]) for each in found] == [("127.0.0.1",) * 2 + (443,)]
