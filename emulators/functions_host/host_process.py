"""The host as a process: its signals, its output, and the files that restart it."""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from aiohttp import web

from functions_host.access_keys import AccessKeys
from functions_host.host_logging import log_to_stderr
from functions_host.host_status import offline_status
from functions_host.http_front_end import HttpFrontEnd
from functions_host.job_host import JobHost
from functions_host.job_host_options import JobHostOptions
from functions_host.watched_files import WatchedFiles
from functions_host.worker_supervisor import FunctionWorker

_PATIENT_DRAIN_SECONDS = 1
_INTERRUPTED = 130

_log = logging.getLogger(__name__)


class HostProcess:
    """Runs one job host after the other until a signal, or until a job host has failed.

    A rewritten host.json replaces the job host, and what it was doing is lost. If app_offline.htm appears,
    the process ends. If the file is there at the start, its content is the response to every request until
    it is deleted.
    """

    def __init__(
        self, options: JobHostOptions, *, new_worker: Callable[[], FunctionWorker], as_json: bool
    ) -> None:
        self._options = options
        self._new_worker = new_worker
        self._as_json = as_json
        self._files = WatchedFiles(options.script_root)
        self._front_end = HttpFrontEnd(options.address, options.port)
        self._keys = AccessKeys(enabled=options.enable_auth)
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Run until the process has to end. Raises HostError if the host cannot start."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_signal, number)
        goes_on = True
        while goes_on and not self._stop.is_set():
            page = self._files.offline_page()
            goes_on = await (self._run_job_host() if page is None else self._be_offline(page))

    def _on_signal(self, number: signal.Signals) -> None:
        if self._stop.is_set() and number is signal.SIGINT:
            # Ctrl+C a second time: do not wait for anything. The worker ends with this process.
            sys.stdout.flush()
            os._exit(_INTERRUPTED)
        self._stop.set()

    async def _run_job_host(self) -> bool:
        """Run a job host. Return whether another one has to follow."""
        host = JobHost(self._options, new_worker=self._new_worker, http=self._front_end, keys=self._keys)
        log_to_stderr(host.log_levels)
        if not await self._start(host):
            return False
        failed, changed = host.wait_until_failed, self._files.wait_for_change
        first = await _first(self._stop.wait(), failed(), changed())
        if first == 0 and self._options.patient:
            await host.stop(drain_seconds=_PATIENT_DRAIN_SECONDS)
        elif first in (0, 1):
            _log.info("Application is shutting down.")
            await host.shut_down(is_failed=first == 1)
        else:
            _log.info("host.json or app_offline.htm has changed. What is running is lost.")
            await host.abandon()
        return first == 2 and self._files.offline_page() is None

    async def _start(self, host: JobHost) -> bool:
        """Start a job host. Return False if the process has been asked to stop before it is ready."""
        starting = asyncio.create_task(_wait_and_start(host))
        if await _first(starting, self._stop.wait()) == 1:
            await asyncio.wait((starting,))
            await host.stop(drain_seconds=0)
            return False
        await starting
        self._announce()
        return True

    async def _be_offline(self, page: bytes) -> bool:
        """Answer all requests with a page until app_offline.htm goes."""
        await self._front_end.listen()
        self._front_end.pass_to(_offline_handler(page))
        _log.warning("The app is offline because it has a file app_offline.htm.")
        self._announce()
        return await _first(self._stop.wait(), self._files.wait_until_online()) == 1

    def _announce(self) -> None:
        """Print the URL, once."""
        if not self._as_json:
            return
        self._as_json = False
        ready = {"functions": self._front_end.url}
        if self._options.enable_auth:
            ready |= {"masterKey": self._keys.master, "functionKey": self._keys.function}
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()


async def _wait_and_start(host: JobHost) -> None:
    await host.wait_for_storage()
    await host.start()


def _offline_handler(page: bytes) -> Callable[[web.BaseRequest], Coroutine[Any, Any, web.StreamResponse]]:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if request.path.lower().strip("/") == "admin/host/status":
            return web.json_response(offline_status())
        return web.Response(status=503, body=page, content_type="text/html")

    return handle


async def _first(*waits: Any) -> int:
    """Return the position of the first awaitable that is done. The others are cancelled."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            if not task.done():
                task.cancel()
    return next(position for position, task in enumerate(tasks) if task.done() and not task.cancelled())
