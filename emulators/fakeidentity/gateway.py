"""The gateway before a service: it refuses what the caller may not do, and passes on everything else."""

import json
import logging
import ssl
import time
from dataclasses import dataclass, replace
from typing import Final
from xml.sax.saxutils import escape

import aiohttp
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from fakeidentity.actions import Request, ServiceKind
from fakeidentity.authorization import Refusal, refusal
from fakeidentity.identities import Directory

_HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "transfer-encoding",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "proxy-connection",
    }
)
_LARGEST_JOB: Final = 4 * 2**20
_KEPT_S: Final = 2
"""Servers close a connection that rests, Azurite after 5 seconds. So the gateway closes it earlier."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service behind the gateway."""

    kind: ServiceKind
    upstream: str
    """Its URL, without a path."""


class Gateway:
    """Serves in the place of one service."""

    def __init__(self, service: Service, directory: Directory, trust: ssl.SSLContext) -> None:
        self._service = service
        self._directory = directory
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=trust, keepalive_timeout=_KEPT_S),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    def application(self) -> web.Application:
        """Return the application to serve."""
        application = web.Application(client_max_size=_LARGEST_JOB)
        application.router.add_route("*", "/{path:.*}", self._handle)
        return application

    async def close(self) -> None:
        """Close the connections to the service."""
        await self._session.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        asked = Request(
            method=request.method,
            path=request.raw_path.partition("?")[0],
            query={name.lower(): value for name, value in request.query.items()},
            authorization=request.headers.get("Authorization", ""),
        )
        if self._service.kind == "batch" and asked.is_new_job:
            asked = replace(asked, body=await request.read())
        refused = refusal(self._service.kind, asked, self._directory, time.time())
        if refused is not None:
            _log.info("%s %s: %d %s", asked.method, asked.path, refused.status, refused.code)
            return _answer(self._service.kind, refused)
        try:
            return await self._pass_on(request, asked.body or request.content)
        except aiohttp.ClientError as error:
            _log.warning("%s %s: %r", asked.method, asked.path, error)
            # As if the service itself had cut the connection.
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=502)

    async def _pass_on(self, request: web.Request, body: bytes | aiohttp.StreamReader) -> web.StreamResponse:
        call = self._session.request(
            request.method,
            URL(f"{self._service.upstream}{request.raw_path}", encoded=True),
            headers=_end_to_end(request.headers),
            data=body if request.body_exists else None,
            allow_redirects=False,
            skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent", "Content-Type"),
        )
        async with call as upstream:
            answer = web.StreamResponse(
                status=upstream.status, reason=upstream.reason, headers=_end_to_end(upstream.headers)
            )
            await answer.prepare(request)
            async for chunk in upstream.content.iter_any():
                await answer.write(chunk)
            await answer.write_eof()
            return answer


def _end_to_end(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in _HOP_BY_HOP)


def _answer(kind: ServiceKind, refused: Refusal) -> web.Response:
    headers = {"WWW-Authenticate": refused.challenge} if refused.challenge else {}
    if kind == "batch":
        body = {"code": refused.code, "message": {"lang": "en-US", "value": refused.message}}
        text, content_type = json.dumps(body), "application/json"
    else:
        headers["x-ms-error-code"] = refused.code
        text = f"<Error><Code>{refused.code}</Code><Message>{escape(refused.message)}</Message></Error>"
        text, content_type = f'<?xml version="1.0" encoding="utf-8"?>{text}', "application/xml"
    return web.Response(status=refused.status, text=text, content_type=content_type, headers=headers)
