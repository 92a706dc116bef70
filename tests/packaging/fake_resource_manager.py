"""A fake of Azure Resource Manager's operations on the applications of a Batch account, over https."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from fakebatch.tls import make_certificate, server_context

ACCOUNT = "/subscriptions/sub/resourceGroups/group/providers/Microsoft.Batch/batchAccounts/acct"
APPLICATION = ACCOUNT + "/applications/{application}"
VERSION = APPLICATION + "/versions/{version}"
API_VERSION = "2025-06-01"


@dataclass
class FakeResourceManager:
    """The account's state, and the calls so far. `storage_url` returns the upload URL of a version."""

    storage_url: Callable[[str, str], str]
    endpoint: str = ""
    certificate: Path = Path()
    applications: dict[str, dict[str, Any]] = field(default_factory=dict)
    versions: dict[tuple[str, str], str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    refusal: tuple[int, str, str] | None = None

    def application(self) -> web.Application:
        """Return the operations of the service's specification."""
        app = web.Application(middlewares=[self._guard])
        app.router.add_get(APPLICATION, self._get_application)
        app.router.add_put(APPLICATION, self._put_application)
        app.router.add_patch(APPLICATION, self._patch_application)
        app.router.add_get(VERSION, self._get_version)
        app.router.add_put(VERSION, self._put_version)
        app.router.add_post(VERSION + "/activate", self._activate)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.calls.append(f"{request.method} {request.path.removeprefix(ACCOUNT)}")
        assert request.query["api-version"] == API_VERSION
        if request.headers.get("Authorization") != "Bearer token":
            return _error(401, "AuthenticationFailed", "The 'Authorization' header is missing.")
        if self.refusal is not None:
            return _error(*self.refusal)
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _get_application(self, request: web.Request) -> web.Response:
        name = request.match_info["application"]
        if name not in self.applications:
            return _error(404, "ApplicationNotFound", "The specified application does not exist.")
        return web.json_response({"name": name, "properties": self.applications[name]})

    async def _put_application(self, request: web.Request) -> web.Response:
        self.applications.setdefault(request.match_info["application"], {"allowUpdates": True})
        return await self._get_application(request)

    async def _patch_application(self, request: web.Request) -> web.Response:
        name = request.match_info["application"]
        change = (await request.json())["properties"]
        if (name, change["defaultVersion"]) not in self.versions:
            return _error(409, "InvalidDefaultVersion", "The default version does not exist.")
        self.applications[name] |= change
        return await self._get_application(request)

    async def _get_version(self, request: web.Request) -> web.Response:
        key = (request.match_info["application"], request.match_info["version"])
        if key not in self.versions:
            return _error(404, "ApplicationPackageNotFound", "The specified package does not exist.")
        properties = {"state": self.versions[key], "storageUrl": self.storage_url(*key)}
        return web.json_response({"name": key[1], "properties": properties})

    async def _put_version(self, request: web.Request) -> web.Response:
        if request.match_info["application"] not in self.applications:
            return _error(404, "ApplicationNotFound", "The specified application does not exist.")
        self.versions[request.match_info["application"], request.match_info["version"]] = "Pending"
        return await self._get_version(request)

    async def _activate(self, request: web.Request) -> web.Response:
        assert (await request.json()) == {"format": "zip"}
        self.versions[request.match_info["application"], request.match_info["version"]] = "Active"
        return await self._get_version(request)


@asynccontextmanager
async def serving_arm(
    directory: Path, storage_url: Callable[[str, str], str]
) -> AsyncIterator[FakeResourceManager]:
    """Serve the fake on a free port, with its own certificate."""
    arm = FakeResourceManager(storage_url)
    arm.certificate = make_certificate(directory, "127.0.0.1")
    runner = web.AppRunner(arm.application(), access_log=None)
    await runner.setup()
    try:
        context: ssl.SSLContext = server_context(arm.certificate)
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        arm.endpoint = f"https://127.0.0.1:{runner.addresses[0][1]}"
        yield arm
    finally:
        await runner.cleanup()


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)
