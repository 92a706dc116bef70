"""HTTP functions behave as in the real host."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from functions_host.job_host import JobHost
from tests.functions_host.conftest import Hosts, edit_host_json


async def test_a_function_sees_method_query_route_headers_and_body(http: aiohttp.ClientSession) -> None:
    async with http.post("/api/echo/7?a=1&empty=&b=x&b=y", data=b"hello", headers={"X-MiXed": "V"}) as answer:
        seen = await answer.json()
    assert answer.status == 200
    assert answer.content_type == "application/json"
    assert seen["method"] == "POST"
    assert seen["params"] == {"a": "1", "b": "x,y"}, "empty values are dropped, repeated ones joined"
    assert seen["route"] == {"id": "7"}
    assert seen["headers"]["x-mixed"] == "V"
    assert seen["body"] == "hello"
    assert seen["url"].endswith("/api/echo/7?a=1&empty=&b=x&b=y")


async def test_a_chunked_request_arrives_empty(http: aiohttp.ClientSession) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"hello"

    async with http.post("/api/echo", data=chunks()) as answer:
        assert (await answer.json())["body"] == ""


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/nothing"), ("DELETE", "/api/echo"), ("GET", "/echo"), ("GET", "/api/echo/abc")],
)
async def test_a_wrong_method_or_path_is_not_found(
    http: aiohttp.ClientSession, method: str, path: str
) -> None:
    async with http.request(method, path) as answer:
        assert answer.status == 404
        assert await answer.read() == b""


async def test_a_catch_all_takes_the_rest_of_the_path_decoded(http: aiohttp.ClientSession) -> None:
    async with http.get("/API/files/a/b%20c/d.txt") as answer:
        assert answer.status == 201
        assert answer.headers["X-Kind"] == "file"
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert await answer.text() == "a/b c/d.txt"


async def test_of_routes_that_match_the_first_by_function_name_wins(http: aiohttp.ClientSession) -> None:
    async with http.get("/api/files/readme") as answer:
        assert await answer.text() == "readme", "'files' comes before 'readme', so the literal route loses"


@pytest.mark.parametrize("path", ["/api/fails", "/api/returns/none", "/api/returns/dict"])
async def test_an_exception_none_and_a_dict_are_an_empty_500(http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(path) as answer:
        assert answer.status == 500
        assert await answer.read() == b""


async def test_returned_text_that_is_json_is_indented_and_other_text_is_not(
    http: aiohttp.ClientSession,
) -> None:
    async with http.post("/api/text", data=b'{"a":[1,2]}') as answer:
        assert await answer.text() == json.dumps({"a": [1, 2]}, indent=2)
        assert answer.content_type == "text/plain"
    for other in (b"plain", b"{not json}"):
        async with http.post("/api/text", data=other) as answer:
            assert await answer.read() == other


async def test_a_body_over_100_mb_fails_the_call_before_it_is_sent(host: JobHost) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", host.port)
    writer.write(b"POST /api/text HTTP/1.1\r\nHost: localhost\r\nContent-Length: 104857601\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 500 ")
    writer.close()
    await writer.wait_closed()


async def test_several_cookies_are_several_headers_written_anew(http: aiohttp.ClientSession) -> None:
    async with http.get("/api/cookies") as answer:
        assert answer.headers.getall("Set-Cookie") == ["a=1; domain=; path=/", "b=2; domain=; path=/"]


async def test_the_context_carries_name_id_and_the_callers_trace(http: aiohttp.ClientSession) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with http.get("/api/context", headers={"traceparent": parent}) as answer:
        context = json.loads(await answer.text())
    assert context["name"] == "shows_context"
    assert len(context["id"]) == 36
    assert context["trace"] == parent


async def test_the_route_prefix_comes_from_host_json(running_host: Hosts, app_directory: Path) -> None:
    edit_host_json(app_directory, extensions={"http": {"routePrefix": ""}})
    async with (
        running_host(script_root=app_directory) as host,
        aiohttp.ClientSession(host.url) as http,
        http.get("/files/x") as answer,
    ):
        assert await answer.text() == "x"


class TestWithAuth:
    """With `--enable-auth`, access keys are checked as in Azure."""

    @pytest.fixture
    async def guarded(self, running_host: Hosts) -> AsyncIterator[JobHost]:
        async with running_host(enable_auth=True) as host:
            yield host

    async def status(self, host: JobHost, path: str, **headers: str) -> int:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        async with aiohttp.ClientSession(host.url) as http, http.get(path, headers=names) as answer:
            if answer.status == 401:
                assert await answer.read() == b""
            return answer.status

    async def test_levels_ask_for_their_keys(self, guarded: JobHost) -> None:
        function, master = guarded.keys.function, guarded.keys.master
        assert await self.status(guarded, "/api/files/x") == 201
        assert await self.status(guarded, "/api/echo") == 401
        assert await self.status(guarded, f"/api/echo?code={function}") == 200
        assert await self.status(guarded, "/api/echo", x_functions_key=master) == 200
        assert await self.status(guarded, "/api/guarded", x_functions_key=function) == 401
        assert await self.status(guarded, "/api/guarded", x_functions_key=master) == 200
        assert await self.status(guarded, "/admin/host/status") == 401
        assert await self.status(guarded, "/admin/host/status", x_functions_key=function) == 403
        assert await self.status(guarded, "/admin/host/status", x_functions_key=master) == 200

    async def test_a_key_in_the_header_beats_one_in_the_query(self, guarded: JobHost) -> None:
        function = guarded.keys.function
        assert await self.status(guarded, f"/api/echo?code={function}", x_functions_key="wrong") == 401
        assert await self.status(guarded, "/api/echo?code=wrong", x_functions_key=function) == 200
