"""Decides what answers a request: the host's own endpoints, a webhook, or an HTTP function."""

import re
from collections.abc import Callable

from aiohttp import web

from functions_host.access_keys import Access, AccessKeys
from functions_host.admin_endpoints import AdminEndpoints, denial
from functions_host.blob_event_grid import BlobEventGridWebhook
from functions_host.host_status import HostStatus
from functions_host.http_server import Request, refuse
from functions_host.http_targets import RequestTarget
from functions_host.http_trigger import HttpFunctions

_WEBHOOK = re.compile(r"/runtime/webhooks/([^/]+)(?:/.*)?", re.IGNORECASE | re.DOTALL)
_WEBHOOK_METHODS = ("GET", "PUT", "POST", "DELETE", "OPTIONS")
_WELCOME = b"""\
<!DOCTYPE html>
<html><head><title>Functions host</title></head><body><p>The Functions host is running.</p></body></html>
"""


class HttpEndpoints:
    """All that a host serves over HTTP."""

    def __init__(
        self,
        *,
        status: HostStatus,
        keys: AccessKeys,
        admin: AdminEndpoints,
        functions: HttpFunctions,
        blob_webhook: Callable[[], BlobEventGridWebhook | None],
    ) -> None:
        self._status = status
        self._keys = keys
        self._admin = admin
        self._functions = functions
        self._blob_webhook = blob_webhook

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request. The response is 404 if there is nothing for its path and method."""
        try:
            target = RequestTarget.parse(request.raw_path)
        except ValueError:
            return await refuse(request, 400)
        if (response := await self._admin.handle(request, target)) is not None:
            return response
        if (webhook := _WEBHOOK.fullmatch(target.path)) and request.method in _WEBHOOK_METHODS:
            return await self._call_webhook(webhook[1].lower(), request, target)
        if self._status.error:
            return web.Response(status=503, text="Function host is not running.")
        if (answer := await self._functions.handle(request, target)) is not None:
            return answer
        if target.path == "/":
            return web.Response(body=_WELCOME, content_type="text/html")
        return web.Response(status=404)

    async def _call_webhook(
        self, extension: str, request: web.BaseRequest, target: RequestTarget
    ) -> web.StreamResponse:
        access = self._keys.webhook_access(extension, request.headers, target.query)
        if access is not Access.ALLOWED:
            return denial(access)
        if self._status.error:
            return web.Response(status=503)
        webhook = self._blob_webhook() if extension == "blobs" else None
        if webhook is None or not isinstance(request, Request):
            return web.Response(status=404)
        return await webhook.handle(request)
