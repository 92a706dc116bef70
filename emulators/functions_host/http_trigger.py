"""HTTP triggers: finds the function for a request, invokes it and returns its response."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from aiohttp import web
from azure.functions.meta import Datum

from functions_host.access_keys import AccessKeys
from functions_host.binding_converters import looks_like_json
from functions_host.function_metadata import Function
from functions_host.http_routes import Router
from functions_host.invocation import Invoker
from functions_host.trigger_data import TriggerData

MAX_REQUEST_BYTES = 104_857_600
"""The maximum size of a request body."""

_REASON = "This function was programmatically called via the host APIs."


class HttpFunctions:
    """The HTTP functions of an app, behind one handler for all requests."""

    def __init__(self, *, invoker: Invoker, keys: AccessKeys, route_prefix: str) -> None:
        self._invoker = invoker
        self._keys = keys
        self._prefix = route_prefix
        self._router: Router[Function] = Router()

    def add(self, function: Function) -> None:
        """Add a function. Raises ConfigurationError if its route is invalid."""
        methods = function.trigger.binding.get("methods") or []
        self._router.add(self.route_of(function), methods, function)

    def route_of(self, function: Function) -> str:
        """Return the route template of a function, with the route prefix and without a leading slash."""
        return f"{self._prefix}/{function.trigger.binding['route']}".strip("/")

    async def handle(self, request: web.Request) -> web.Response:
        """Handle one request. The response is 404 if no function has its path and method."""
        found = self._router.find(request.method, _decoded_path(request.rel_url.raw_path))
        if found is None:
            return web.Response(status=404)
        function, route_values = found
        level = str(function.trigger.binding.get("authLevel", "FUNCTION")).lower()
        if not self._keys.allows_function(level, request.headers, request.query):
            return web.Response(status=401)
        if (request.content_length or 0) > MAX_REQUEST_BYTES:
            return web.Response(status=413)
        trigger = await _trigger_data(request, route_values)
        result = await self._invoker.invoke(function, trigger, _REASON)
        if not result.succeeded:
            return web.Response(status=500)
        return _response(_http_output(function, result.outputs))


def _decoded_path(raw_path: str) -> str:
    """Decode a path as Kestrel does. An encoded slash stays encoded."""
    return "%2F".join(unquote(part) for part in re.split("%2F", raw_path, flags=re.IGNORECASE))


async def _trigger_data(request: web.Request, route_values: Mapping[str, str]) -> TriggerData:
    # The host reads a body only if there is a Content-Length, so a chunked body never reaches the function.
    body = await request.read() if request.content_length else b""
    headers = {
        name.lower(): ",".join(request.headers.getall(name)) for name in dict.fromkeys(request.headers)
    }
    query = {name: ",".join(request.query.getall(name)) for name in dict.fromkeys(request.query)}
    query = {name: value for name, value in query.items() if value}
    data = {
        "method": Datum(request.method, "string"),
        "url": Datum(str(request.url), "string"),
        "headers": _strings(headers),
        "query": _strings(query),
        "params": _strings(route_values),
        "body": Datum(body, "bytes"),
    }
    return TriggerData(
        value=Datum(data, "http"),
        metadata=_strings({**query, **route_values}),
        trace_parent=headers.get("traceparent"),
    )


def _strings(values: Mapping[str, str]) -> dict[str, Datum]:
    return {name: Datum(value, "string") for name, value in values.items()}


def _http_output(function: Function, outputs: Mapping[str, Datum]) -> Datum | None:
    """Return the value of the HTTP output, whether it was returned or set, or None."""
    return next(
        (outputs[p.name] for p in function.results if p.binding["type"] == "http" and p.name in outputs), None
    )


def _response(output: Datum | None) -> web.Response:
    if output is None:
        return web.Response()
    if output.type != "http":
        return web.Response(text=_indented(output.value), content_type="text/plain", charset="utf-8")
    value: dict[str, Any] = output.value
    response = web.Response(status=int(value["status_code"].value), body=value["body"].value)
    for name, header in value["headers"].items():
        response.headers[name] = header.value
    for cookie in value["cookies"] or []:
        for morsel in cookie.values():
            response.headers.add("Set-Cookie", morsel.OutputString())
    return response


def _indented(text: str) -> str:
    """Return a JSON object or array indented, as the real host does, and any other text unchanged."""
    if not looks_like_json(text):
        return text
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
