"""The host: indexes an app, starts the listeners of its functions, and serves HTTP."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from azure.core.exceptions import AzureError

from functions_host.access_keys import AccessKeys
from functions_host.admin_endpoints import AdminEndpoints
from functions_host.errors import ConfigurationError, HostError, IndexingError
from functions_host.function_loading import FunctionLoader
from functions_host.function_metadata import Function
from functions_host.host_listeners import HostListeners, ListenerOptions
from functions_host.host_status import HostStatus
from functions_host.http_endpoints import HttpEndpoints
from functions_host.http_front_end import HttpFrontEnd
from functions_host.http_trigger import HttpFunctions
from functions_host.invocation import Invoker
from functions_host.job_host_options import JobHostOptions
from functions_host.queue_output import QueueOutput
from functions_host.queue_polling import QueueNotifier
from functions_host.queue_processor import RECEIVE_VISIBILITY
from functions_host.settings import (
    HostSettings,
    host_id,
    is_development,
    load_host_settings,
    prepare_environment,
)
from functions_host.singleton_lease import LeaseTimes
from functions_host.storage_availability import wait_for_storage
from functions_host.storage_connections import StorageConnections
from functions_host.unhandled_errors import UnhandledErrors
from functions_host.worker_supervisor import FunctionWorker, RestartTimes, WorkerSupervisor

_DRAIN_SECONDS = 10
_FAIL_SECONDS = 2
_LAST_SECONDS = 0.5
_PATIENT_RECEIVE_VISIBILITY = timedelta(seconds=30)
_PATIENT_POLLING_INTERVAL = timedelta(seconds=2)

_log = logging.getLogger(__name__)


class JobHost:
    """Runs one function app, between `start` and `stop`.

    Functions run in this process, unless `new_worker` starts other workers. `http` and `keys` are for a
    process that runs one job host after the other, on the same port and with the same keys.
    """

    def __init__(
        self,
        options: JobHostOptions,
        *,
        new_worker: Callable[[], FunctionWorker] | None = None,
        http: HttpFrontEnd | None = None,
        keys: AccessKeys | None = None,
    ) -> None:
        self._options = options
        prepare_environment(options.script_root)
        self._unhandled = UnhandledErrors()
        settings, error = _load_settings(options.script_root)
        if options.patient:
            interval = min(settings.queues.max_polling_interval, _PATIENT_POLLING_INTERVAL)
            settings = replace(settings, queues=replace(settings.queues, max_polling_interval=interval))
        self._status = HostStatus(
            host_id=settings.host_id,
            extension_bundle=settings.extension_bundle,
            error=error or settings.error,
            unhandled=self._unhandled,
        )
        if error:
            self._status.functions = None
        if self._status.error:
            _log.error("No function runs: %s", self._status.error)
        self.log_levels = settings.log_levels
        """The section `logging.logLevel` of host.json."""
        self.keys = keys or AccessKeys(enabled=options.enable_auth)
        """The access keys. They are checked only if `enable_auth` is set."""
        self._connections = StorageConnections(os.environ)
        notifier = QueueNotifier()
        self._outputs = QueueOutput(
            connections=self._connections,
            encode_base64=settings.queues.base64,
            notifier=notifier if options.patient else None,
        )
        self._workers = WorkerSupervisor(
            new_worker or (lambda: _in_process_worker(options.script_root, settings.sync_threads)),
            times=RestartTimes(interval=0) if options.patient else RestartTimes(),
        )
        self._invoker = Invoker(
            timeout=settings.function_timeout, writer=self._outputs, workers=self._workers
        )
        self._http = HttpFunctions(invoker=self._invoker, keys=self.keys, route_prefix=settings.route_prefix)
        self._admin = AdminEndpoints(
            invoker=self._invoker, status=self._status, keys=self.keys, route_of=self._http.route_of
        )
        self._listeners = HostListeners(
            settings=settings,
            options=ListenerOptions(
                blob_scan_interval=options.blob_scan_interval,
                lease_times=LeaseTimes.of(development=is_development(os.environ), patient=options.patient),
                receive_visibility=options.receive_visibility
                or (_PATIENT_RECEIVE_VISIBILITY if options.patient else RECEIVE_VISIBILITY),
            ),
            connections=self._connections,
            invoker=self._invoker,
            notifier=notifier,
            errors=self._unhandled,
        )
        self._functions: list[Function] = []
        self._front_end = http or HttpFrontEnd(options.address, options.port)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        """The port of the HTTP server. Raises HostError before the start."""
        return self._front_end.port

    @property
    def is_running(self) -> bool:
        """Whether functions run. If host.json or a route is invalid, none does, and calls get a 503."""
        return self._status.error is None

    @property
    def url(self) -> str:
        """The base URL of the HTTP server. Raises HostError before the start."""
        return self._front_end.url

    async def wait_for_storage(self) -> None:
        """Return when the host's storage answers. The real host does not listen for HTTP before."""
        await wait_for_storage(self._connections)

    async def start(self) -> None:
        """Index the app and start all listeners.

        Raises HostError if the port or the storage cannot be used. Errors in host.json and in the app are
        logged and reported by `/admin`: if the app cannot be indexed, the host has no functions; a function
        with an invalid binding is left out.
        """
        try:
            await self._load_functions()
            await self._front_end.listen()
            if self.is_running:
                await self._listeners.start()
        except BaseException as error:
            await self.stop()
            if isinstance(error, AzureError | OSError):
                raise HostError(f"cannot start: {error}") from error
            raise
        self._front_end.pass_to(self._endpoints().handle)
        self._log_functions()

    async def run(self, stop: asyncio.Event) -> None:
        """Return when `stop` is set, or when the host has failed, which is logged."""
        await _first(stop.wait(), self.wait_until_failed())

    async def wait_until_failed(self) -> None:
        """Return when a listener cannot go on, or the worker has ended too often: the host must end."""
        await _first(self._unhandled.occurred.wait(), self._workers.exhausted.wait())

    async def stop(self, *, drain_seconds: float = _DRAIN_SECONDS) -> bool:
        """Stop listening, wait for running invocations, and close all connections.

        Invocations that take longer than `drain_seconds` fail, and their messages return to the queue for the
        next host. The real host does not do that: see `shut_down`. Returns whether all invocations ended.
        """
        await self._front_end.refuse_connections()
        parts = (self._listeners.stop(), self._admin.stop(), self._front_end.wait_until_idle())
        stopping = asyncio.ensure_future(asyncio.gather(*parts))
        await asyncio.wait((stopping,), timeout=drain_seconds)
        lost = self._invoker.running
        if not stopping.done():
            self._invoker.abort()
            await asyncio.wait((stopping,), timeout=_FAIL_SECONDS)
        self._workers.kill()
        if not stopping.done():
            stopping.cancel()
        try:
            await stopping
        except asyncio.CancelledError:
            _log.warning("Some listeners did not stop in time")
        finally:
            await self._front_end.stop()
            await self._connections.close()
        return lost == 0

    async def shut_down(self, *, is_failed: bool = False) -> None:
        """End as the real host does after SIGTERM, or if it has failed.

        New connections are refused, and the running HTTP calls are waited for, however long they take. The
        listeners go on meanwhile, and for up to 10 seconds if other functions run. Then the worker is killed:
        functions see no exception, and their messages stay hidden. A host that has failed stops its listeners
        at once.
        """
        started = time.monotonic()
        await self._front_end.refuse_connections()
        stopping = asyncio.create_task(self._listeners.stop()) if is_failed else None
        await self._front_end.wait_until_idle()
        left = started + _DRAIN_SECONDS - time.monotonic()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._invoker.wait_until_idle(), max(left, 0))
        left = started + _DRAIN_SECONDS - time.monotonic()
        if stopping is None:
            stopping = asyncio.create_task(self._listeners.stop())
            # A message whose function has just ended is still to be deleted.
            left = 0 if self._invoker.running else max(left, _LAST_SECONDS)
        await asyncio.wait((stopping,), timeout=max(left, 0))
        stopping.cancel()
        await self.abandon()
        await self._front_end.stop()

    async def abandon(self) -> None:
        """Stop at once. Messages in work stay hidden, and HTTP calls wait for the function timeout."""
        self._front_end.pass_to(None)
        self._workers.kill()
        await self._listeners.abandon()
        await self._connections.close()

    async def _load_functions(self) -> None:
        if self._status.functions is None:
            return
        try:
            functions = await self._workers.start()
        except IndexingError as error:
            _log.error("No functions were found: %s", error)
            return
        loader = FunctionLoader(
            status=self._status,
            http=self._http,
            listeners=self._listeners,
            admin=self._admin,
            environment=os.environ,
            check_outputs=self._outputs.check,
        )
        self._functions = loader.load(functions)

    def _endpoints(self) -> HttpEndpoints:
        return HttpEndpoints(
            status=self._status,
            keys=self.keys,
            admin=self._admin,
            functions=self._http,
            blob_webhook=lambda: self._listeners.webhook,
        )

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


def _load_settings(script_root: Path) -> tuple[HostSettings, str | None]:
    """Return the settings of an app, and the error if host.json is invalid. Then they are the defaults."""
    try:
        return load_host_settings(script_root, os.environ), None
    except ConfigurationError as error:
        return HostSettings(host_id=host_id(script_root, os.environ, {})), str(error)


async def _first(*waits: Coroutine[Any, Any, object]) -> None:
    """Return when the first of these has ended. The others are cancelled."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def _in_process_worker(script_root: Path, threads: int | None) -> FunctionWorker:
    # Imported here: it loads the Functions library, which takes 5 MB that a host with worker processes saves.
    from functions_host.in_process_worker import InProcessWorker

    return InProcessWorker(script_root, threads=threads)
