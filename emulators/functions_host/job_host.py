"""The host: indexes an app, starts the listeners of its functions, and serves HTTP."""

import asyncio
import logging
import os
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Self

from aiohttp import web
from azure.core.exceptions import AzureError

from functions_host.access_keys import AccessKeys
from functions_host.admin_endpoints import AdminEndpoints
from functions_host.errors import ConfigurationError, HostError, IndexingError, WorkerLostError
from functions_host.function_indexing import index_app
from functions_host.function_loading import FunctionLoader
from functions_host.function_metadata import Function
from functions_host.host_listeners import HostListeners, ListenerOptions
from functions_host.host_status import HostStatus
from functions_host.http_endpoints import HttpEndpoints
from functions_host.http_server import HttpServer
from functions_host.http_trigger import HttpFunctions
from functions_host.invocation import Invoker
from functions_host.queue_output import QueueOutput
from functions_host.queue_polling import QueueNotifier
from functions_host.queue_processor import RECEIVE_VISIBILITY
from functions_host.settings import (
    HostSettings,
    apply_local_settings,
    host_id,
    is_development,
    load_host_settings,
)
from functions_host.singleton_lease import LeaseTimes
from functions_host.storage_connections import StorageConnections
from functions_host.unhandled_errors import UnhandledErrors

_DRAIN_SECONDS = 10
_FAIL_SECONDS = 2

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class JobHostOptions:
    """The options of a host."""

    script_root: Path = Path()
    """The directory of function_app.py and host.json."""
    address: str = "127.0.0.1"
    port: int = 7071
    """0 means any free port."""
    enable_auth: bool = False
    """Whether access keys are checked, as in Azure. `func start` also needs an option for that."""
    blob_scan_interval: float | None = None
    """Seconds between two scans for new blobs. None means as the real host: 2 s where the account is part of
    the path of storage URLs, as in Azurite, and 10 s where it is part of the host name, as in Azure."""
    receive_visibility: timedelta = RECEIVE_VISIBILITY
    """How long a received message stays hidden if this host is killed."""
    patient: bool = False
    """Whether the host spares developers the waits of the real host. An output then ends the pause of the
    listener of its queue, and the timers and the blob scan of a killed host of this machine go on within
    seconds, not after up to a minute."""


class JobHost:
    """Runs one function app in this process, between `start` and `stop`."""

    def __init__(self, options: JobHostOptions) -> None:
        self._options = options
        apply_local_settings(options.script_root, os.environ)
        os.environ.setdefault("AZURE_FUNCTIONS_ENVIRONMENT", "Development")
        if hasattr(time, "tzset"):
            time.tzset()  # local.settings.json may set TZ.
        settings, error = _load_settings(options.script_root)
        self._status = HostStatus(
            host_id=settings.host_id,
            extension_bundle=settings.extension_bundle,
            error=error or settings.error,
        )
        if error:
            self._status.functions = None
        if self._status.error:
            _log.error("No function runs: %s", self._status.error)
        self.log_levels = settings.log_levels
        """The section `logging.logLevel` of host.json."""
        self.keys = AccessKeys(enabled=options.enable_auth)
        """The access keys. They are checked only if `enable_auth` is set."""
        self._connections = StorageConnections(os.environ)
        notifier = QueueNotifier()
        self._unhandled = UnhandledErrors()
        self._outputs = QueueOutput(
            connections=self._connections,
            encode_base64=settings.queues.base64,
            notifier=notifier if options.patient else None,
        )
        self._invoker = Invoker(
            timeout=settings.function_timeout, writer=self._outputs, threads=settings.sync_threads
        )
        self._http = HttpFunctions(invoker=self._invoker, keys=self.keys, route_prefix=settings.route_prefix)
        self._admin = AdminEndpoints(
            invoker=self._invoker, status=self._status, keys=self.keys, route_of=self._http.route_of
        )
        self._listeners = HostListeners(
            settings=settings,
            options=ListenerOptions(
                blob_scan_interval=options.blob_scan_interval,
                lease_times=_lease_times(patient=options.patient),
                receive_visibility=options.receive_visibility,
            ),
            connections=self._connections,
            invoker=self._invoker,
            notifier=notifier,
            errors=self._unhandled,
        )
        self._functions: list[Function] = []
        self._runner: web.ServerRunner | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        """The port of the HTTP server. Raises HostError before the start."""
        if self._runner is None or not self._runner.addresses:
            raise HostError("the host has not been started")
        return int(self._runner.addresses[0][1])

    @property
    def is_running(self) -> bool:
        """Whether functions run. If host.json or a route is invalid, none does, and calls get a 503."""
        return self._status.error is None

    @property
    def url(self) -> str:
        """The base URL of the HTTP server. Raises HostError before the start."""
        return f"http://{self._options.address}:{self.port}"

    async def start(self) -> None:
        """Index the app and start all listeners.

        Raises HostError if the port or the storage cannot be used. Errors in host.json and in the app are
        logged and reported by `/admin`: if the app cannot be indexed, the host has no functions; a function
        with an invalid binding is left out.
        """
        try:
            self._load_functions()
            await self._start_http()
            if self.is_running:
                await self._listeners.start()
        except BaseException as error:
            await self.stop()
            if isinstance(error, AzureError | OSError):
                raise HostError(f"cannot start: {error}") from error
            raise
        self._log_functions()

    async def run(self, stop: asyncio.Event) -> None:
        """Return when `stop` is set, or when a listener cannot go on, which is logged.

        Raises WorkerLostError as soon as a function exceeds the timeout.
        """
        ends = (stop, self._invoker.worker_lost, self._unhandled.occurred)
        waits = [asyncio.create_task(event.wait()) for event in ends]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self._invoker.worker_lost.is_set():
            raise WorkerLostError("a function exceeded the function timeout")

    async def stop(self) -> bool:
        """Stop listening, wait up to 10 seconds for running invocations, and close all connections.

        Invocations that take longer fail, and their messages return to the queue for the next host. Returns
        whether all invocations ended.
        """
        parts = [self._listeners.stop(), self._admin.stop()]
        if self._runner is not None:
            parts.append(self._runner.cleanup())
        stopping = asyncio.ensure_future(asyncio.gather(*parts))
        await asyncio.wait((stopping,), timeout=_DRAIN_SECONDS)
        if not stopping.done():
            self._invoker.worker_lost.set()
            await asyncio.wait((stopping,), timeout=_FAIL_SECONDS)
        abandoned = self._invoker.abandon()
        if not stopping.done():
            stopping.cancel()
        try:
            await stopping
        except asyncio.CancelledError:
            _log.warning("Some listeners did not stop in time")
        finally:
            await self._connections.close()
        return abandoned == 0

    def _load_functions(self) -> None:
        if self._status.functions is None:
            return
        try:
            functions = index_app(self._options.script_root)
        except IndexingError as error:
            _log.error("No functions were found: %s", error)
            return
        loader = FunctionLoader(
            status=self._status,
            http=self._http,
            listeners=self._listeners,
            admin=self._admin,
            outputs=self._outputs,
            environment=os.environ,
        )
        self._functions = loader.load(functions)

    async def _start_http(self) -> None:
        endpoints = HttpEndpoints(
            status=self._status,
            keys=self.keys,
            admin=self._admin,
            functions=self._http,
            blob_webhook=lambda: self._listeners.webhook,
        )
        self._runner = web.ServerRunner(HttpServer(endpoints.handle), shutdown_timeout=_DRAIN_SECONDS)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._options.address, self._options.port).start()

    def _log_functions(self) -> None:
        if not self.is_running:
            return
        _log.info("Functions:")
        for function in self._functions:
            binding = function.trigger.binding
            methods = "[" + ",".join(binding.get("methods") or ["any"]) + "]"
            is_http = binding["type"] == "httpTrigger"
            url = f"{self.url}/{self._http.route_of(function)}" if is_http else None
            _log.info("    %s: %s", function.name, f"{methods} {url}" if url else binding["type"])
        if self.keys.enabled:
            keys = (self.keys.master, self.keys.function, self.keys.system)
            _log.info("Keys: master %s, function %s, system %s", *keys)


def _lease_times(*, patient: bool) -> LeaseTimes:
    duration = 15 if patient or is_development(os.environ) else 60
    return LeaseTimes(duration=duration, recovery_interval=1.0 if patient else 60.0, patient=patient)


def _load_settings(script_root: Path) -> tuple[HostSettings, str | None]:
    """Return the settings of an app, and the error if host.json is invalid. Then they are the defaults."""
    try:
        return load_host_settings(script_root, os.environ), None
    except ConfigurationError as error:
        return HostSettings(host_id=host_id(script_root, os.environ, {})), str(error)
