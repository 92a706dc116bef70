"""Limits and refusals of the HTTP server, and how it frames requests and responses."""

import asyncio
import gzip

import pytest

from functions_host.job_host import JobHost

LIMIT = 104_857_600


async def exchange(host: JobHost, request: str | bytes, *, seconds: float = 30) -> bytes:
    """Send a request as it is. Return all that comes until the host closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", host.port)
    writer.write(request.encode() if isinstance(request, str) else request)
    async with asyncio.timeout(seconds):
        answer = await reader.read()
    writer.close()
    return answer


def head(line: str, *headers: str) -> str:
    return "\r\n".join([line, "Host: localhost", *headers, "Connection: close", "", ""])


def get(path: str, *headers: str) -> str:
    return head(f"GET {path} HTTP/1.1", *headers)


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (get("/api/" + "a" * 8200), 414),
        (get("/api/files/" + "a" * 7000), 201),
        (get("/api/files/x", "X-A: " + "a" * 32_000), 201),
        (get("/api/files/x", "X-A: " + "a" * 33_000), 431),
        (get("/api/files/x", "X-A: " + "a" * 20_000, "X-B: " + "a" * 20_000), 431),
        (get("/api/files/x", *(f"X-{number}: v" for number in range(98))), 201),
        (get("/api/files/x", *(f"X-{number}: v" for number in range(99))), 431),
        (head("GET /api/files/x HTTP/2.0"), 505),
        (head("GET http://localhost/api/files/x HTTP/1.1"), 201),
        (head("GET http://elsewhere/api/files/x HTTP/1.1"), 400),
        (head("CONNECT localhost:80 HTTP/1.1"), 400),
        (head("get /api/files/x HTTP/1.1"), 201),
        (head("BREW /api/context HTTP/1.1"), 200),
        ("GET /api/files/x HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
        ("GET /api/files/x HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        ("GET /api/files/x HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n", 500),
        ("GET /api/nothing HTTP/1.0\r\n\r\n", 404),
        ("GET /api/files/x HTTP/1.0\r\n\r\n", 500),
        ("GET /api/files/x HTTP/1.0\r\nHost: localhost\r\n\r\n", 201),
        (get("/api/files/%00"), 400),
        (get("/api/nothing/%2e%2e/files/./x"), 201),
        (head("OPTIONS * HTTP/1.1"), 404),
    ],
)
async def test_a_request_has_the_status_that_kestrel_gives_it(
    host: JobHost, request_text: str, status: int
) -> None:
    answer = await exchange(host, request_text)
    first, _, rest = answer.decode().partition("\r\n")
    assert first.split(" ")[1] == str(status)
    assert "\r\nConnection: close" in f"\r\n{rest}"
    assert "\r\nServer: Kestrel" in f"\r\n{rest}"
    if status >= 400:
        assert rest.endswith("\r\n\r\n"), "an error has no body"


async def test_bytes_of_latin_1_are_refused(host: JobHost) -> None:
    answer = await exchange(host, get("/api/files/x").encode().replace(b"\r\n\r\n", b"\r\nX-A: \xe9\r\n\r\n"))
    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("body", [gzip.compress(b"hello", mtime=0), b"plain"])
async def test_a_compressed_body_reaches_the_function_as_it_is(host: JobHost, body: bytes) -> None:
    request = head("POST /api/size HTTP/1.1", "Content-Encoding: gzip", f"Content-Length: {len(body)}")
    answer = await exchange(host, request.encode() + body)
    assert answer.endswith(f"\r\n{len(body)}\r\n0\r\n\r\n".encode())


async def test_a_response_with_a_body_is_chunked_and_one_without_is_not(host: JobHost) -> None:
    answer = await exchange(host, get("/api/files/x"))
    assert b"\r\nTransfer-Encoding: chunked\r\n" in answer
    assert answer.endswith(b"\r\n\r\n1\r\nx\r\n0\r\n\r\n")
    answer = await exchange(host, head("HEAD /api/context HTTP/1.1"))
    assert b"Transfer-Encoding" not in answer
    assert b"Content-Length" not in answer
    assert answer.endswith(b"\r\n\r\n")
    answer = await exchange(host, get("/api/cookies"))
    assert b"\r\nContent-Length: 0\r\n" in answer


@pytest.mark.parametrize(("path", "is_asked"), [("/api/text", True), ("/api/nothing", False)])
async def test_a_client_that_waits_is_asked_for_its_body_only_if_it_is_read(
    host: JobHost, path: str, is_asked: bool
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", host.port)
    writer.write(head(f"POST {path} HTTP/1.1", "Expect: 100-continue", "Content-Length: 2").encode())
    async with asyncio.timeout(30):
        first = await reader.readline()
        assert first.startswith(b"HTTP/1.1 100 ") is is_asked
        writer.write(b"hi")
        assert (b"hi" in await reader.read()) is is_asked
    writer.close()


async def test_a_body_that_is_too_long_is_not_waited_for(host: JobHost) -> None:
    request = head("POST /api/text HTTP/1.1", f"Content-Length: {LIMIT + 1}")
    assert (await exchange(host, request, seconds=30)).startswith(b"HTTP/1.1 500 ")


async def test_a_connection_that_is_kept_serves_the_next_request(host: JobHost) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", host.port)
    for text in ("one", "two"):
        writer.write(f"GET /api/files/{text} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        async with asyncio.timeout(30):
            answer = await reader.readuntil(b"0\r\n\r\n")
        assert text.encode() in answer
    writer.close()
