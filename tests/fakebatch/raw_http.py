"""Signed requests whose answers are seen as they are; they are signed by the official client's own policy."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from azure.batch._patch import BatchSharedKeyAuthPolicy
from azure.core.pipeline import PipelineContext, PipelineRequest
from azure.core.rest import HttpRequest
from yarl import URL

from tests.fakebatch.driving import credential


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["code"])

    @property
    def values(self) -> dict[str, str]:
        return {pair["key"]: pair["value"] for pair in self.json["values"]}


async def request(
    endpoint: str,
    method: str,
    path: str,
    body: Any = None,
    *,
    query: Mapping[str, str] | None = None,
    headers: dict[str, str] | None = None,
    sign: bool = True,
) -> Reply:
    """Send a request; a body that is not bytes is sent as JSON."""
    parameters = {"api-version": "2025-06-01", **(query or {})}
    url = f"{endpoint}{path}?{urlencode(parameters, quote_via=quote, safe='$')}"
    content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    prepared = HttpRequest(method, url, headers=headers, content=content)
    if content is not None:
        prepared.headers["Content-Type"] = "application/json; odata=minimalmetadata"
        prepared.headers["Content-Length"] = str(len(content))
    if sign:
        _sign(prepared)
    async with (
        aiohttp.ClientSession(skip_auto_headers=["Content-Type"]) as session,
        session.request(
            method, URL(url, encoded=True), data=content, headers=dict(prepared.headers)
        ) as response,
    ):
        return Reply(response.status, response.headers, await response.read())


def _sign(prepared: HttpRequest) -> None:
    policy = BatchSharedKeyAuthPolicy(credential())
    policy.on_request(PipelineRequest(prepared, PipelineContext(None)))
