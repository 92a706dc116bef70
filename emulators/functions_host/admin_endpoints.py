"""The host's own HTTP endpoints under `/admin`: status, functions, keys, and calls by hand."""

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Protocol

from aiohttp import hdrs, web

from functions_host.access_keys import BLOBS_KEY, Access, AccessKeys, as_json
from functions_host.function_metadata import Function
from functions_host.host_status import HostStatus
from functions_host.http_targets import RequestTarget
from functions_host.invocation import Invoker
from functions_host.trigger_data import TriggerData

_REASON = "This function was programmatically called via the host APIs."
_JSON_TYPE = re.compile(r"(?:application|text)/json|application/[^;]+\+json", re.IGNORECASE)

_log = logging.getLogger(__name__)

Endpoint = Callable[[web.BaseRequest, str], Awaitable[web.Response]]


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
        status: HostStatus,
        keys: AccessKeys,
        route_of: Callable[[Function], str],
    ) -> None:
        self._invoker = invoker
        self._status = status
        self._keys = keys
        self._route_of = route_of
        self._triggers: dict[str, ManualTrigger] = {}
        self._calls: set[asyncio.Task[None]] = set()
        # Methods, path, whether the master key is needed, and the handler.
        self._endpoints: list[tuple[tuple[str, ...], re.Pattern[str], bool, Endpoint]] = []
        for methods, path, needs_key, endpoint in (
            (("GET",), "host/status", True, self._host_status),
            (("GET", "POST"), "host/ping", False, self._ping),
            (("GET",), "host/(?:function)?keys", True, self._host_keys),
            (("GET",), "host/systemkeys", True, self._system_keys),
            (("GET",), "functions", True, self._list_functions),
            (("GET",), "functions/([^/]+)", True, self._show_function),
            (("POST",), "functions/([^/]+)", True, self._call_function),
            (("GET",), "functions/([^/]+)/status", True, self._function_status),
            (("GET",), "functions/([^/]+)/keys", True, self._function_keys),
        ):
            pattern = re.compile(f"/admin/{path}/?", re.IGNORECASE)
            self._endpoints.append((methods, pattern, needs_key, endpoint))

    def add(self, function: Function, trigger: ManualTrigger) -> None:
        """Let a function be called by hand. HTTP functions cannot be: they have a URL."""
        self._triggers[function.name.lower()] = trigger

    async def stop(self) -> None:
        """Return when all calls of functions are done."""
        while self._calls:
            await asyncio.wait(self._calls)

    async def handle(self, request: web.BaseRequest, target: RequestTarget) -> web.Response | None:
        """Handle a request. Return None if no endpoint has its method and path."""
        for methods, pattern, needs_key, endpoint in self._endpoints:
            match = pattern.fullmatch(target.path)
            if match is None or request.method not in methods:
                continue
            access = self._keys.admin_access(request.headers, target.query)
            if needs_key and access is not Access.ALLOWED:
                return denial(access)
            return await endpoint(request, match[1] if pattern.groups else "")
        return None

    async def _host_status(self, request: web.BaseRequest, _: str) -> web.Response:
        return _json(self._status.as_json())

    async def _ping(self, request: web.BaseRequest, _: str) -> web.Response:
        return web.Response(headers={"Cache-Control": "no-store,no-cache", "Pragma": "no-cache"})

    async def _host_keys(self, request: web.BaseRequest, _: str) -> web.Response:
        return _json(as_json({"default": self._keys.function}, _url(request)))

    async def _system_keys(self, request: web.BaseRequest, _: str) -> web.Response:
        return _json(as_json({BLOBS_KEY: self._keys.system}, _url(request)))

    async def _function_keys(self, request: web.BaseRequest, name: str) -> web.Response:
        if self._find(name) is None:
            return web.Response(status=404)
        return _json(as_json({"default": self._keys.function}, _url(request)))

    async def _list_functions(self, request: web.BaseRequest, _: str) -> web.Response:
        if self._status.functions is None:
            return web.Response(status=500)
        return _json([self._describe(function, request) for function in self._status.functions.values()])

    async def _show_function(self, request: web.BaseRequest, name: str) -> web.Response:
        function = self._find(name)
        return web.Response(status=404) if function is None else _json(self._describe(function, request))

    async def _function_status(self, request: web.BaseRequest, name: str) -> web.Response:
        if errors := self._status.function_errors.get(name.lower()):
            return _json({"errors": errors})
        return web.Response(status=404) if self._find(name) is None else _json({})

    async def _call_function(self, request: web.BaseRequest, name: str) -> web.Response:
        """Start a function, and respond without waiting for it."""
        if self._status.error:
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
        if not _JSON_TYPE.fullmatch(request.content_type) or hdrs.CONTENT_TYPE not in request.headers:
            return web.Response(status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        try:
            text = _input(json.loads(await request.text()))
        except ValueError:
            return web.Response(status=400)
        if (function := self._find(name)) is None:
            return web.Response(status=404)
        call = asyncio.create_task(self._call(function, text))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return web.Response(status=202)

    async def _call(self, function: Function, text: str) -> None:
        trigger = self._triggers.get(function.name.lower())
        if trigger is None:
            _log.error("'%s' cannot be called by hand: it is an HTTP function, or in error", function.name)
            return
        try:
            trigger_data = await trigger.manual_data(text)
        except Exception:
            # The response, 202, was sent already, so the error can only be logged.
            _log.exception("'%s' cannot be called with %r", function.name, text)
            return
        await self._invoker.invoke(function, trigger_data, _REASON)

    def _find(self, name: str) -> Function | None:
        return (self._status.functions or {}).get(name.lower())

    def _describe(self, function: Function, request: web.BaseRequest) -> dict[str, Any]:
        base = f"http://{request.headers.get(hdrs.HOST, '')}"
        name, directory = function.name, str(function.directory)
        is_http = function.trigger.binding["type"] == "httpTrigger"
        return {
            "name": name,
            "script_root_path_href": None,
            "script_href": f"{base}/admin/vfs{directory}/function_app.py",
            "config_href": None,
            "test_data_href": f"{base}/admin/vfs/tmp/FunctionsData/{name}.dat",
            "href": f"{base}/admin/functions/{name}",
            "invoke_url_template": f"{base}/{self._route_of(function)}" if is_http else None,
            "language": "python",
            "config": {
                "name": name,
                "entryPoint": function.entry_point,
                "scriptFile": "function_app.py",
                "language": "python",
                "functionDirectory": directory,
                "bindings": function.bindings,
            },
            "files": None,
            "test_data": "",
            "isDisabled": name.lower() in self._status.disabled,
            "isDirect": False,
            "isProxy": False,
        }


def denial(access: Access) -> web.Response:
    """Return the response to a request that may not use one of the host's own endpoints."""
    headers = {hdrs.WWW_AUTHENTICATE: "Bearer"} if access is Access.NO_KEY else {}
    return web.Response(status=access.value, headers=headers)


def _input(document: Any) -> str:
    """Return the property `input` of a call. Raises ValueError if either is not valid."""
    if not isinstance(document, Mapping):
        raise ValueError("not an object")
    value = next((value for name, value in document.items() if name.lower() == "input"), None)
    if isinstance(value, dict | list):
        raise ValueError("the input is not a text")
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


def _json(document: Any) -> web.Response:
    return web.json_response(document)


def _url(request: web.BaseRequest) -> str:
    return f"http://{request.headers.get(hdrs.HOST, '')}{request.raw_path.partition('?')[0]}"
