"""The host's own HTTP endpoints under `/admin`: list functions, call a function, report the host's status."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from aiohttp import web

from functions_host.function_metadata import Function
from functions_host.invocation import Invoker
from functions_host.trigger_data import TriggerData
from functions_host.unhandled_errors import UnhandledErrors

_REASON = "This function was programmatically called via the host APIs."

_log = logging.getLogger(__name__)


class ManualTrigger(Protocol):
    """A trigger whose function can be called over `/admin/functions`."""

    async def manual_data(self, text: str) -> TriggerData:
        """Return the trigger data for the text of a call."""


class AdminEndpoints:
    """Handles the requests to `/admin`."""

    def __init__(
        self,
        *,
        invoker: Invoker,
        host_id: str,
        url_of: Callable[[Function], str | None],
        unhandled: UnhandledErrors,
    ) -> None:
        self._invoker = invoker
        self._unhandled = unhandled
        self._host_id = host_id
        self._url_of = url_of
        self._started = time.monotonic()
        self._functions: dict[str, tuple[Function, ManualTrigger | None]] = {}
        self._calls: set[asyncio.Task[None]] = set()
        self.errors: dict[str, str] = {}
        """The error that keeps a function from running, by the name of the function."""

    def add(self, function: Function, trigger: ManualTrigger | None) -> None:
        """Add a function. HTTP functions have no trigger here, because they are called at their own URL."""
        self._functions[function.name.lower()] = function, trigger

    async def stop(self) -> None:
        """Return when all calls of functions are done."""
        while self._calls:
            await asyncio.wait(self._calls)

    async def list_functions(self, request: web.Request) -> web.Response:
        """Handle `GET /admin/functions`."""
        return web.json_response([self._describe(function) for function, _ in self._functions.values()])

    async def host_status(self, request: web.Request) -> web.Response:
        """Handle `GET /admin/host/status`."""
        return web.json_response(
            {
                "id": self._host_id,
                "state": "Running",
                "version": "embedded",
                "processUptime": int((time.monotonic() - self._started) * 1000),
                "errors": [
                    *(f"{name}: {error}" for name, error in self.errors.items()),
                    *self._unhandled.messages,
                ],
            }
        )

    async def call_function(self, request: web.Request) -> web.Response:
        """Handle `POST /admin/functions/{name}`: start the function, and respond without waiting for it."""
        try:
            body = await request.json()
        except ValueError:
            return web.Response(status=400)
        if not isinstance(body, Mapping):
            return web.Response(status=400)
        if (known := self._functions.get(request.match_info["name"].lower())) is None:
            return web.Response(status=404)
        text = body.get("input")
        call = asyncio.create_task(self._call(*known, text if isinstance(text, str) else ""))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return web.Response(status=202)

    async def _call(self, function: Function, trigger: ManualTrigger | None, text: str) -> None:
        if trigger is None:
            _log.error("'%s' is an HTTP function: call its URL", function.name)
            return
        try:
            trigger_data = await trigger.manual_data(text)
        except Exception:
            # The response, 202, was sent already, so the error can only be logged.
            _log.exception("'%s' cannot be called with %r", function.name, text)
            return
        await self._invoker.invoke(function, trigger_data, _REASON)

    def _describe(self, function: Function) -> dict[str, Any]:
        return {
            "name": function.name,
            "language": "python",
            "isDisabled": False,
            "invoke_url_template": self._url_of(function),
            "config": {"bindings": function.bindings},
        }
