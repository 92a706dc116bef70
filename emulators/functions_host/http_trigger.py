"""HTTP triggers: finds the function for a request, invokes it and sends its response."""

import logging
from collections.abc import Mapping

from aiohttp import hdrs, web

from functions_host.access_keys import AccessKeys
from functions_host.errors import ConfigurationError, RouteTemplateError
from functions_host.function_metadata import Function
from functions_host.http_response import FunctionResponse
from functions_host.http_routes import Router
from functions_host.http_server import MAX_REQUEST_BYTES, refuse
from functions_host.http_targets import RequestTarget, join_values
from functions_host.invocation import Invoker
from functions_host.trigger_data import TriggerData
from functions_host.typed_data import TypedData

_REASON = "This function was programmatically called via the host APIs."
_RESERVED = ("admin", "runtime")

_log = logging.getLogger(__name__)


class HttpFunctions:
    """The HTTP functions of an app."""

    def __init__(self, *, invoker: Invoker, keys: AccessKeys, route_prefix: str) -> None:
        self._invoker = invoker
        self._keys = keys
        self._prefix = route_prefix
        self._router: Router[tuple[Function, bool]] = Router()
        self._functions: list[Function] = []

    def add(self, function: Function, *, is_disabled: bool = False) -> None:
        """Add a function. Of several functions that match a request, the first added one is called.

        A disabled function is called only by requests with the master key. Raises RouteTemplateError if the
        route cannot be compiled, and ConfigurationError if it is reserved, or another function has it.
        """
        route = _route(function).strip("/").lower()
        if route.startswith(_RESERVED):
            raise ConfigurationError("its route conflicts with the host's own routes")
        for other in self._functions:
            if _route(other).strip("/").lower() == route and _share_a_method(function, other):
                raise ConfigurationError(f"its route conflicts with the route of the function '{other.name}'")
        self._functions.append(function)
        template = self.route_of(function)
        try:
            self._router.add(template, _methods(function), (function, is_disabled))
        except RouteTemplateError as error:
            raise RouteTemplateError(
                f"the route '{template}' of the function '{function.name}' cannot be created: {error}"
            ) from error

    def route_of(self, function: Function) -> str:
        """Return the route template of a function, with the route prefix."""
        return f"{self._prefix}/{_route(function)}" if self._prefix else _route(function)

    async def handle(self, request: web.BaseRequest, target: RequestTarget) -> web.StreamResponse | None:
        """Call the function for a request, and send its response. Return None if there is no function."""
        found = self._router.find(request.method, target.path)
        if found is None:
            return None
        (function, is_disabled), route_values = found
        level = str(function.trigger.binding.get("authLevel", "FUNCTION")).lower()
        if not self._keys.allows_function(function.name, level, request.headers, target.query):
            return web.Response(status=401)
        if is_disabled and not self._keys.is_admin(request.headers, target.query):
            return None
        if not request.headers.get(hdrs.HOST):
            # The URL of the request could not be made.
            return web.Response(status=500)
        if (request.content_length or 0) > MAX_REQUEST_BYTES:
            _log.error(
                "The body of a request to '%s' is larger than %d bytes", function.name, MAX_REQUEST_BYTES
            )
            return await refuse(request, 500)
        return await self._call(request, target, function, route_values)

    async def _call(
        self,
        request: web.BaseRequest,
        target: RequestTarget,
        function: Function,
        route_values: Mapping[str, str],
    ) -> web.StreamResponse:
        trigger = await _trigger_data(request, target, route_values)
        result = await self._invoker.invoke(function, trigger, _REASON)
        if not result.succeeded:
            return web.Response(status=500)
        try:
            response = FunctionResponse.of(_http_output(function, result.outputs))
            return await response.send(request)
        except ValueError as error:
            _log.error("The response of '%s' cannot be sent: %s", function.name, error)
            return web.Response(status=500)


def _route(function: Function) -> str:
    route = str(function.trigger.binding.get("route") or "")
    return route if route.strip() else function.name


def _methods(function: Function) -> list[str]:
    return [str(method).upper() for method in function.trigger.binding.get("methods") or ()]


def _share_a_method(function: Function, other: Function) -> bool:
    methods, others = _methods(function), _methods(other)
    return not methods or not others or not set(methods).isdisjoint(others)


async def _trigger_data(
    request: web.BaseRequest, target: RequestTarget, route_values: Mapping[str, str]
) -> TriggerData:
    # The host reads a body only if there is a Content-Length, so a chunked body never reaches the function.
    body = await request.read() if request.content_length else b""
    headers = {
        name.lower(): join_values(request.headers.getall(name)) for name in dict.fromkeys(request.headers)
    }
    query = target.query.joined()
    data = {
        "method": TypedData(request.method, "string"),
        "url": TypedData(target.url(request.headers[hdrs.HOST]), "string"),
        "headers": _strings(headers),
        "query": _strings(query),
        "params": _strings(route_values),
        "body": TypedData(body, "bytes"),
    }
    return TriggerData(
        value=TypedData(data, "http"),
        metadata=_strings({**query, **route_values}),
        trace_parent=headers.get("traceparent"),
    )


def _strings(values: Mapping[str, str]) -> dict[str, TypedData]:
    return {name: TypedData(value, "string") for name, value in values.items()}


def _http_output(function: Function, outputs: Mapping[str, TypedData]) -> TypedData | None:
    """Return the value of the HTTP output, whether it was returned or set, or None."""
    return next(
        (outputs[p.name] for p in function.results if p.binding["type"] == "http" and p.name in outputs), None
    )
