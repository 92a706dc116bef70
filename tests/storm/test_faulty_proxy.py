"""The proxy passes requests on, and fails them as it is told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import aiohttp
import pytest
from aiohttp import web

from batchmgr.devstack.tcp_ports import free_port
from tests.storm.faulty_proxy import FaultyProxy, ProxyFault, What


@asynccontextmanager
async def service(done: list[str]) -> AsyncIterator[int]:
    async def handle(request: web.Request) -> web.Response:
        done.append(f"{request.method} {request.path_qs}")
        return web.Response(body=await request.read())

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield int(runner.addresses[0][1])
    await runner.cleanup()


@asynccontextmanager
async def proxied(
    done: list[str], *faults: ProxyFault, dead: int = 0, spared: str = ""
) -> AsyncIterator[tuple[FaultyProxy, aiohttp.ClientSession]]:
    def is_spared(what: What, method: str, path: str) -> bool:
        return bool(spared) and spared in path

    async with service(done) as port:
        ports = [*(free_port() for _ in range(dead)), port]
        proxy = FaultyProxy(lambda: ports, Random(1), is_spared=is_spared)
        proxy.faults.extend(faults)
        await proxy.start()
        async with aiohttp.ClientSession(f"http://127.0.0.1:{proxy.port}") as session:
            yield proxy, session
        await proxy.stop()


async def test_requests_are_passed_on_and_answered() -> None:
    done: list[str] = []
    async with proxied(done) as (proxy, session):
        for size in (0, 10, 10**6):
            async with session.post(f"/a?size={size}", data=b"x" * size) as answer:
                assert await answer.read() == b"x" * size
    assert done == ["POST /a?size=0", "POST /a?size=10", "POST /a?size=1000000"]
    assert proxy.struck == 0


@pytest.mark.parametrize(("what", "is_done"), [("cut", False), ("lost", True)])
async def test_a_connection_is_closed_before_or_after_the_request_is_carried_out(
    what: What, is_done: bool
) -> None:
    done: list[str] = []
    async with proxied(done, ProxyFault(what=what, probability=1)) as (proxy, session):
        with pytest.raises(aiohttp.ClientError):
            await session.post("/a", data=b"x")
        assert (bool(done), proxy.struck) == (is_done, 1)


async def test_a_busy_service_carries_nothing_out() -> None:
    done: list[str] = []
    fault = ProxyFault(what="error", probability=1)
    async with proxied(done, fault) as (_, session), session.post("/a", data=b"x") as answer:
        assert (answer.status, answer.headers["x-ms-error-code"]) == (503, "ServerBusy")
    assert done == []


async def test_spared_requests_have_no_fault() -> None:
    done: list[str] = []
    async with proxied(done, ProxyFault(what="cut", probability=1), spared="sig=") as (_, session):
        async with session.get("/a?sig=1") as answer:
            assert answer.status == 200
        with pytest.raises(aiohttp.ClientError):
            await session.get("/a")
    assert done == ["GET /a?sig=1"]


async def test_a_host_that_is_down_is_passed_over() -> None:
    done: list[str] = []
    async with proxied(done, dead=2) as (_, session):
        for _ in range(3):
            async with session.get("/a") as answer:
                assert answer.status == 200
