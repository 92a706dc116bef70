"""The gateway passes requests and answers on unchanged, and answers for the service where it refuses."""

import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from batchmgr.devstack.certificate import Certificate, make_certificate
from fakeidentity.gateway import Service
from fakeidentity.identities import Assignment, Identity
from fakeidentity.server import Options, ServedService, serving

OWNER = Identity(
    client_id="00000000-0000-0000-0000-000000000001",
    object_id="00000000-0000-0000-0000-000000000002",
    resource_id="/app",
    assignments=(Assignment(role="Storage Blob Data Owner"),),
)


@dataclass(kw_only=True)
class Upstream:
    """A service that keeps what it got, and where the gateway before it is."""

    gateway: str = ""
    token: str = ""
    trust: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    got: list[tuple[str, str, bytes, dict[str, str]]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.got.append((request.method, request.raw_path, body, dict(request.headers)))
        return web.Response(status=201, body=b"answer", headers={"ETag": '"1"', "x-ms-request-id": "r"})


@pytest.fixture
async def upstream(tmp_path: Path) -> AsyncIterator[Upstream]:
    made = make_certificate(tmp_path)
    service = Upstream(trust=ssl.create_default_context(cafile=str(made.certificate)))
    runner = web.AppRunner(_application(service))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=_server(made)).start()
    behind = Service(kind="blob", upstream=f"https://127.0.0.1:{runner.addresses[0][1]}")
    options = Options(
        identities=[OWNER],
        services=[ServedService(service=behind)],
        certificate=made.certificate,
        key=made.key,
    )
    async with serving(options) as addresses, aiohttp.ClientSession() as http:
        query = {"api-version": "2019-08-01", "resource": "https://storage.azure.com"}
        query["client_id"] = OWNER.client_id
        headers = {"X-IDENTITY-HEADER": addresses.identity_header}
        async with http.get(addresses.identity_endpoint, params=query, headers=headers) as answer:
            service.token = (await answer.json())["access_token"]
        service.gateway = addresses.gateways["blob"]
        yield service
    await runner.cleanup()


def _application(service: Upstream) -> web.Application:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", service.handle)
    return application


def _server(made: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    return context


async def call(upstream: Upstream, path: str, **options: Any) -> tuple[int, bytes, Mapping[str, str]]:
    async with (
        aiohttp.ClientSession() as http,
        http.put(URL(f"{upstream.gateway}{path}", encoded=True), ssl=upstream.trust, **options) as answer,
    ):
        return answer.status, await answer.read(), answer.headers.copy()


async def test_a_request_and_its_answer_pass_unchanged(upstream: Upstream) -> None:
    headers = {"Authorization": f"Bearer {upstream.token}", "x-ms-version": "2021-12-02"}
    path = "/acc/c/a%20b%2Fc%C3%A4.txt?x=%2B%20&y"
    status, body, answered = await call(upstream, path, data=b"x" * 300_000, headers=headers)
    (got,) = upstream.got
    assert got[:3] == ("PUT", path, b"x" * 300_000)
    assert got[3]["x-ms-version"] == "2021-12-02"
    assert got[3]["Host"] == upstream.gateway.removeprefix("https://")
    assert (status, body) == (201, b"answer")
    assert (answered["ETag"], answered["x-ms-request-id"]) == ('"1"', "r")


async def test_what_is_refused_does_not_reach_the_service(upstream: Upstream) -> None:
    status, body, answered = await call(upstream, "/acc/c/b", data=b"x")
    assert (status, answered["x-ms-error-code"]) == (401, "InvalidAuthenticationInfo")
    assert b"<Code>InvalidAuthenticationInfo</Code>" in body
    assert answered["WWW-Authenticate"].startswith("Bearer ")
    assert upstream.got == []
