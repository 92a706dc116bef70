"""Host names of receivers are looked up in threads of their own: a name server that hangs holds up nobody."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from batchmgr.adapters.callback_resolver import AddressNotAllowedError, CallbackResolver
from batchmgr.adapters.http_callback import HttpCallbackSender, callback_session
from batchmgr.devstack.certificate import make_certificate
from batchmgr.errors import ServiceBusyError
from batchmgr.model.callback_rules import CallbackRules
from batchmgr.wire.adf_callback import AdfCallback

BODY = AdfCallback(output={}, status_code="200")
RULES = CallbackRules(hosts=(), allow_loopback=True)


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
    resolver = CallbackResolver(100, RULES.allows)
    connector = aiohttp.TCPConnector(limit=0, resolver=resolver)
    async with aiohttp.ClientSession(connector=connector) as made:
        yield made
    await resolver.close()


async def test_names_that_are_not_found_for_a_long_time_hold_up_neither_other_receivers_nor_azure(
    session: aiohttp.ClientSession, gate: threading.Event
) -> None:
    app = web.Application()
    app.router.add_post("/", _answer)
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


async def _answer(request: web.Request) -> web.Response:
    return web.Response()


async def _post(session: aiohttp.ClientSession, uri: str) -> int:
    async with session.post(uri) as response:
        return response.status


async def test_addresses_are_those_of_the_system(session: aiohttp.ClientSession) -> None:
    resolver = CallbackResolver(1, RULES.allows)
    found = await resolver.resolve("127.0.0.1", 443)
    await resolver.close()
    assert [(each["hostname"], each["host"], each["port"]) for each in found] == [("127.0.0.1",) * 2 + (443,)]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What the name server says, instead of the real one."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def look_up(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if host not in known:
            return real(host, port, *args, **options)
        return [entry for address in known[host] for entry in real(address, port, type=socket.SOCK_STREAM)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["168.63.129.16"],
        ["100.64.0.1"],
        ["0.0.0.0"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["fd00:ec2::254"],
        ["64:ff9b::a9fe:a9fe"],
        ["93.184.216.34", "127.0.0.1"],
    ],
)
async def test_a_name_with_an_address_that_is_not_public_is_not_called(
    names: dict[str, list[str]], addresses: list[str]
) -> None:
    names["a.example.com"] = addresses
    resolver = CallbackResolver(1, CallbackRules(hosts=("*.example.com",)).allows)
    with pytest.raises(AddressNotAllowedError, match=r"'a\.example\.com' can't be called") as caught:
        await resolver.resolve("a.example.com", 443)
    await resolver.close()
    assert not [address for address in addresses if address in str(caught.value)]


async def test_a_name_is_looked_up_once_and_what_was_checked_is_what_is_called(
    names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: a name that shows a good address first, and another one then."""
    called: list[str] = []

    async def connect(*_: Any, addr_infos: Any, **__: Any) -> socket.socket:
        called.extend(info[4][0] for info in addr_infos)
        names["a.example.com"] = ["127.0.0.1"]
        raise OSError("no network here")

    names["a.example.com"] = ["93.184.216.34"]
    monkeypatch.setattr("aiohttp.connector.aiohappyeyeballs.start_connection", connect)
    rules = CallbackRules(hosts=("*.example.com",))
    async with callback_session(rules, 1) as session:
        sender = HttpCallbackSender(session, rules=rules, key=b"")
        with pytest.raises(ServiceBusyError):
            await sender.send("https://a.example.com/x", BODY, "msg", timedelta(seconds=5))
        session.connector.clear_dns_cache()  # type: ignore[union-attr]
        with pytest.raises(ServiceBusyError, match="has an address that may not be called back"):
            await sender.send("https://a.example.com/x", BODY, "msg", timedelta(seconds=5))
    assert called == ["93.184.216.34"]


async def test_tls_is_of_the_name_although_its_address_is_connected_to(
    names: dict[str, list[str]], tmp_path: Path
) -> None:
    made = make_certificate(tmp_path)  # of localhost
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_side.load_cert_chain(made.certificate, made.key)
    asked: list[str | None] = []
    server_side.sni_callback = lambda _, name, __: asked.append(name)
    app = web.Application()
    app.router.add_post("/", _answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_side).start()
    port = runner.addresses[0][1]
    names["receiver.example.com"] = ["127.0.0.1"]
    rules = CallbackRules(hosts=("receiver.example.com",), ports=(port,), allow_loopback=True)
    trusting = ssl.create_default_context(cafile=str(made.certificate))
    async with callback_session(rules, 1, trusting) as session:
        sender = HttpCallbackSender(session, rules=rules, key=b"")
        await sender.send(f"https://localhost:{port}/", BODY, "msg", timedelta(seconds=5))
        with pytest.raises(ServiceBusyError, match="ClientConnectorCertificateError"):
            await sender.send(f"https://receiver.example.com:{port}/", BODY, "msg", timedelta(seconds=5))
    await runner.cleanup()
    assert asked == ["localhost", "receiver.example.com"]
