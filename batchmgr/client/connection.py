"""Where an app is, and what is sent to it and to storage."""

import os
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import urlsplit

import httpx

from batchmgr.client.exchange import NoAnswerError, Reply, Request
from batchmgr.errors import AppError

LOCAL = "http://127.0.0.1:7071"
"""The local stack."""

CONNECT_S = 10.0
CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class AppAddress:
    """The address of an app, with or without `/api` at its end, and what lets a caller in."""

    url: str = ""
    key: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def api(self) -> str:
        """Return the URL of the API. Raise AppError if the address is none."""
        url = (self.url or os.environ.get("BATCHMGR_URL") or LOCAL).rstrip("/")
        if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc:
            raise AppError(f"{url!r} is no http or https address of an app")
        return url if url.endswith("/api") else f"{url}/api"

    @property
    def is_https(self) -> bool:
        """Return whether the app is called over TLS. If it is not, no certificates need be loaded."""
        return self.api.startswith("https:")

    def prepared(
        self,
        request: Request,
        content: bytes | Iterable[bytes] | AsyncIterable[bytes],
        size: int | None = None,
    ) -> httpx.Request:
        """Return a request as httpx sends it. The key goes to the app alone. `size`: of content in parts."""
        headers = {"user-agent": "batchmgr", "accept": "application/json, */*", **request.headers}
        if request.is_for_storage:
            url = request.path
        else:
            url = f"{self.api}{request.path}"
            headers |= self.headers
            if self.key:
                headers["x-functions-key"] = self.key
        if size is not None:
            headers["content-length"] = str(size)
        timeout = httpx.Timeout(request.timeout_s, connect=CONNECT_S)
        return httpx.Request(
            request.method,
            url,
            params=dict(request.query) or None,  # an empty one would remove the query of the URL
            headers=headers,
            content=content or None,
            extensions={"timeout": timeout.as_dict()},
        )


def reply_of(response: httpx.Response) -> Reply:
    """Return a response without the library that has received it."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(status=response.status_code, headers=headers, content=response.content)


def no_answer(address: AppAddress, request: Request, error: httpx.HTTPError) -> NoAnswerError:
    """Return the error of a request that had no answer. It shows no signature."""
    where = request.path.partition("?")[0] if request.is_for_storage else address.api.removesuffix("/api")
    return NoAnswerError(f"{where} can't be reached: {str(error) or type(error).__name__}")


async def chunks(file: BinaryIO) -> AsyncIterator[bytes]:
    """Yield what a file has, for code with `async`. A disk is quick enough to be read between other work."""
    while chunk := file.read(CHUNK_BYTES):
        yield chunk
