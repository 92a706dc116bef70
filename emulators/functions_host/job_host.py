"""The host itself: an app's functions, their triggers, and one HTTP server in front of them."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Self

from aiohttp import web
from azure.core.exceptions import AzureError

from functions_host.access_keys import Keys
from functions_host.admin_endpoints import Admin
from functions_host.errors import ConfigurationError, HostError, WorkerLostError
from functions_host.function_indexing import Function, index_app
from functions_host.host_listeners import TriggerOptions, Triggers, with_settings
from functions_host.http_trigger import MAX_REQUEST_BYTES, HttpFunctions
from functions_host.invocation import Invoker
from functions_host.queue_listener import RECEIVE_VISIBILITY, Wakeups
from functions_host.queue_output import QueueOutput
from functions_host.settings import apply_local_settings, load_host_settings
from functions_host.storage_connections import Connections

_DRAIN_SECONDS = 10
_SETTLE_SECONDS = 2

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class HostOptions:
    """What the one who starts a host may choose."""

    script_root: Path = Path()
    """The directory of function_app.py and host.json."""
    address: str = "127.0.0.1"
    port: int = 7071
    """0 picks a free one."""
    enable_auth: bool = False
    """Check keys as in Azure; `func start` does not unless asked to."""
    blob_scan_interval: float = 10.0
    """Seconds between two scans of a container for new blobs."""
    receive_visibility: timedelta = RECEIVE_VISIBILITY
    """How long a received message stays hidden when this host dies."""


class Host:
    """Runs one function app in this process, between `start` and `stop`."""

    def __init__(self, options: HostOptions) -> None:
        self._options = options
        os.environ.setdefault("AZURE_FUNCTIONS_ENVIRONMENT", "Development")
        apply_local_settings(options.script_root, os.environ)
        settings = load_host_settings(options.script_root, os.environ)
        self.keys = Keys(enabled=options.enable_auth)
        """What opens this host when `enable_auth` is on."""
        self._connections = Connections(os.environ)
        wakeups = Wakeups()
        writer = QueueOutput(
            connections=self._connections, wakeups=wakeups, encode_base64=settings.queues.base64
        )
        self._invoker = Invoker(
            timeout=settings.function_timeout, writer=writer, threads=settings.sync_threads
        )
        self._http = HttpFunctions(invoker=self._invoker, keys=self.keys, route_prefix=settings.route_prefix)
        self._admin = Admin(invoker=self._invoker, host_id=settings.host_id, url_of=self._url_of)
        self._triggers = Triggers(
            settings=settings,
            options=TriggerOptions(
                blob_scan_interval=options.blob_scan_interval, receive_visibility=options.receive_visibility
            ),
            connections=self._connections,
            invoker=self._invoker,
            wakeups=wakeups,
        )
        self._functions: list[Function] = []
        self._runner = web.AppRunner(self._web_app(), access_log=None, shutdown_timeout=_DRAIN_SECONDS)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        """The port in use, once started."""
        if not self._runner.addresses:
            raise HostError("the host has not been started")
        return int(self._runner.addresses[0][1])

    @property
    def url(self) -> str:
        """The address of the HTTP server, once started."""
        return f"http://{self._options.address}:{self.port}"

    async def start(self) -> None:
        """Index the app and start every listener.

        Raises IndexingError for an app that cannot be indexed, and HostError when the port or the storage
        cannot be used. A function with a binding that cannot be resolved is left out, with an error logged.
        """
        try:
            for function in index_app(self._options.script_root):
                self._add(function)
            await self._runner.setup()
            await web.TCPSite(self._runner, self._options.address, self._options.port).start()
            await self._triggers.start()
        except BaseException as error:
            await self.stop()
            if isinstance(error, AzureError | OSError):
                raise HostError(f"cannot start: {error}") from error
            raise
        self._log_functions()

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set. Raises WorkerLostError as soon as a function exceeds the timeout."""
        waits = [asyncio.create_task(event.wait()) for event in (stop, self._invoker.lost)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self._invoker.lost.is_set():
            raise WorkerLostError("a function exceeded the function timeout")

    async def stop(self) -> bool:
        """Take no more work, give what runs 10 seconds to end, and close; says whether everything ended.

        What does not end in time fails, so that its message is back on the queue for the next host.
        """
        parts = (self._runner.cleanup(), self._triggers.stop(), self._admin.stop())
        stopping = asyncio.ensure_future(asyncio.gather(*parts))
        await asyncio.wait((stopping,), timeout=_DRAIN_SECONDS)
        if not stopping.done():
            self._invoker.lost.set()
            await asyncio.wait((stopping,), timeout=_SETTLE_SECONDS)
        abandoned = self._invoker.abandon()
        if not stopping.done():
            stopping.cancel()
        try:
            await stopping
        except asyncio.CancelledError:
            _log.warning("Not every listener ended in time")
        finally:
            await self._connections.close()
        return abandoned == 0

    def _add(self, function: Function) -> None:
        try:
            resolved = with_settings(function, os.environ)
            if resolved.trigger.binding["type"] == "httpTrigger":
                self._http.add(resolved)
                self._admin.add(resolved, None)
            else:
                self._admin.add(resolved, self._triggers.add(resolved))
            self._functions.append(resolved)
        except ConfigurationError as error:
            self._admin.errors[function.name] = str(error)
            _log.error("The '%s' function is in error: %s", function.name, error)

    def _web_app(self) -> web.Application:
        app = web.Application(client_max_size=MAX_REQUEST_BYTES, middlewares=[self._authorize])
        app.router.add_get("/admin/functions", self._admin.list_functions)
        app.router.add_post("/admin/functions/{name}", self._admin.call_function)
        app.router.add_get("/admin/host/status", self._admin.host_status)
        app.router.add_post("/runtime/webhooks/blobs", self._blob_webhook)
        app.router.add_route("*", "/{path:.*}", self._http.handle)
        return app

    async def _blob_webhook(self, request: web.Request) -> web.StreamResponse:
        if self._triggers.webhook is None:
            return web.Response(status=404)
        return await self._triggers.webhook.handle(request)

    @web.middleware
    async def _authorize(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Guard the host's own endpoints; functions have levels of their own."""
        opens = {"admin": self.keys.opens_admin, "runtime": self.keys.opens_webhook}
        guard = opens.get(request.path.strip("/").partition("/")[0].lower())
        if guard is not None and not guard(request.headers, request.query):
            return web.Response(status=401)
        return await handler(request)

    def _url_of(self, function: Function) -> str | None:
        if function.trigger.binding["type"] != "httpTrigger":
            return None
        return f"{self.url}/{self._http.route_of(function)}"

    def _log_functions(self) -> None:
        _log.info("Functions:")
        for function in self._functions:
            binding = function.trigger.binding
            methods = "[" + ",".join(binding.get("methods") or ["any"]) + "]"
            url = self._url_of(function)
            _log.info("    %s: %s", function.name, f"{methods} {url}" if url else binding["type"])
        if self.keys.enabled:
            keys = (self.keys.master, self.keys.function, self.keys.system)
            _log.info("Keys: master %s, function %s, system %s", *keys)
