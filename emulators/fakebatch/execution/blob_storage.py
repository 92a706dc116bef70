"""The client of blob storage that nodes use: plain HTTP.

A URL includes its authorization, or else `identity` is the resource id of a managed identity of the node.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

import aiohttp
from yarl import URL

from fakebatch.errors import StorageError
from fakebatch.execution.node_tokens import storage_headers

_VERSION: Final = {"x-ms-version": "2021-12-02"}
_LARGEST_PUT: Final = 64 * 2**20
_BLOCK: Final = 16 * 2**20
_CHUNK: Final = 2**18
_ATTEMPTS: Final = 3
_PAUSE: Final = 0.2

T = TypeVar("T")


class BlobStorage:
    """Downloads, lists and uploads blobs. It retries transient errors."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None, connect=10, sock_read=60), auto_decompress=False
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def download(self, url: str, target: Path, identity: str = "") -> None:
        """Write the resource at `url` to the file `target`. Raises StorageError."""

        async def attempt() -> None:
            headers = await self._headers(identity)
            call = self._session.get(URL(url, encoded=True), headers=headers)
            async with _answered(call) as response:
                with target.open("wb") as file:
                    async for chunk in response.content.iter_chunked(_CHUNK):
                        file.write(chunk)

        await _with_retries(attempt)

    async def list_blobs(self, container_url: str, prefix: str, identity: str = "") -> list[str]:
        """Return the names of the blobs of a container that begin with `prefix`. Raises StorageError."""
        names: list[str] = []
        marker = ""
        while True:
            query = {"restype": "container", "comp": "list", "prefix": prefix, "marker": marker}
            page = await self._read(_with_query(container_url, query), identity)
            listing = ElementTree.fromstring(page)  # noqa: S314 - storage is trusted as on a node
            names += [name.text or "" for name in listing.iterfind("Blobs/Blob/Name")]
            marker = listing.findtext("NextMarker") or ""
            if not marker:
                return names

    async def upload(self, url: str, source: Path, headers: Mapping[str, str], identity: str = "") -> None:
        """Write the file `source` as a block blob at `url`. Raises StorageError."""
        size = (await asyncio.to_thread(source.stat)).st_size
        if size <= _LARGEST_PUT:
            body = await asyncio.to_thread(source.read_bytes)
            await self._put(url, body, {**headers, "x-ms-blob-type": "BlockBlob"}, identity)
            return
        ids: list[str] = []
        with source.open("rb") as file:
            while block := await asyncio.to_thread(file.read, _BLOCK):
                ids.append(base64.b64encode(f"{len(ids):08}".encode()).decode())
                part = _with_query(url, {"comp": "block", "blockid": ids[-1]})
                await self._put(part, block, {}, identity)
        listed = "".join(f"<Latest>{block_id}</Latest>" for block_id in ids)
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'.encode()
        await self._put(_with_query(url, {"comp": "blocklist"}), body, headers, identity)

    async def _headers(self, identity: str) -> dict[str, str]:
        authorization = await storage_headers(self._session, identity)
        return {**_VERSION, **authorization} if authorization else {}

    async def _read(self, url: str, identity: str) -> bytes:
        async def attempt() -> bytes:
            headers = {**_VERSION, **await self._headers(identity)}
            async with _answered(self._session.get(URL(url, encoded=True), headers=headers)) as response:
                return await response.read()

        return await _with_retries(attempt)

    async def _put(self, url: str, body: bytes, headers: Mapping[str, str], identity: str) -> None:
        async def attempt() -> None:
            sent = {**_VERSION, "Content-Type": "application/octet-stream", **headers}
            sent |= await self._headers(identity)
            async with _answered(self._session.put(URL(url, encoded=True), data=body, headers=sent)):
                pass

        await _with_retries(attempt)


def blob_url(container_url: str, name: str) -> str:
    """Return the URL of a blob in a container, with the authorization of the container URL."""
    address, _, signature = container_url.partition("?")
    return f"{address.rstrip('/')}/{quote(name)}" + (f"?{signature}" if signature else "")


def _with_query(url: str, query: Mapping[str, str]) -> str:
    given = {name: value for name, value in query.items() if value}
    return f"{url}{'&' if '?' in url else '?'}{urlencode(given, quote_via=quote)}"


@asynccontextmanager
async def _answered(
    request: AbstractAsyncContextManager[aiohttp.ClientResponse],
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Raise StorageError for every failed request, whether by its connection or its status."""
    try:
        async with request as response:
            if response.status >= 300:
                reason = response.headers.get("x-ms-error-code", response.reason or "")
                raise StorageError(f"{response.status} {reason}", response.status)
            yield response
    except (aiohttp.ClientError, TimeoutError) as error:
        raise StorageError(f"{type(error).__name__}: {error}") from error


async def _with_retries(attempt: Callable[[], Awaitable[T]]) -> T:
    for number in range(1, _ATTEMPTS):
        try:
            return await attempt()
        except StorageError as error:
            if not error.is_transient:
                raise
        await asyncio.sleep(_PAUSE * number)
    return await attempt()
