"""Calls to Azure Batch through the client's pipeline, as every adapter of it makes them."""

from collections.abc import Collection, Mapping

from azure.core.rest import AsyncHttpResponse, HttpRequest

from batchmgr.adapters.batch_answers import NO_FILE, SERVICE, raise_for_status
from batchmgr.adapters.batch_clients import BatchClient
from batchmgr.adapters.service_errors import service_errors

API_VERSION = "2025-06-01"
CONTENT_TYPE = "application/json; odata=minimalmetadata"


class BatchCalls:
    """The base of the adapters of Azure Batch."""

    def __init__(self, client: BatchClient) -> None:
        self._client = client

    async def _read_range(self, url: str, start: int, end: int) -> bytes:
        """Return these bytes of a file. Read no more, also if the service answers with the whole file."""
        span = {"ocp-range": f"bytes={start}-{end - 1}"}
        content = b""
        async with await self._call("GET", url, headers=span, missing=NO_FILE, stream=True) as response:
            with service_errors(SERVICE):
                async for part in response.iter_raw():
                    content += part
                    if len(content) >= end - start:
                        break
        return content[: end - start]

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        missing: Collection[str] = (),
        stream: bool = False,
    ) -> AsyncHttpResponse:
        """Send one request through the client's pipeline. Raise ServiceError for a status of 400 or more.

        `missing` are the codes that say that what the request names does not exist.
        """
        if path.startswith("http"):  # the next page of a list: its address is complete
            request = HttpRequest(method, path)
        else:
            params = {"api-version": API_VERSION, **(query or {})}
            request = HttpRequest(method, self._client.format_url(path), params=params, content=body)
        request.headers.update({"Accept": CONTENT_TYPE, **(headers or {})})
        if body is not None:
            request.headers["Content-Type"] = CONTENT_TYPE
        with service_errors(SERVICE):
            response = await self._client.send_request(request, stream=stream)
            await raise_for_status(response, missing)
        return response
