"""HTTP functions: an aiohttp request in, a function's answer out."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from aiohttp import web
from azure.functions.meta import Datum

from functions_host.access_keys import Keys
from functions_host.binding_converters import looks_like_json
from functions_host.function_indexing import Function
from functions_host.http_routes import Router
from functions_host.invocation import Invoker
from functions_host.trigger_data import TriggerInput

MAX_REQUEST_BYTES = 104_857_600
"""The longest request body that the host takes."""

_REASON = "This function was programmatically called via the host APIs."


class HttpFunctions:
    """The HTTP functions of an app, behind one catch-all handler."""

    def __init__(self, *, invoker: Invoker, keys: Keys, route_prefix: str) -> None:
        self._invoker = invoker
        self._keys = keys
        self._prefix = route_prefix
        self._router: Router[Function] = Router()

    def add(self, function: Function) -> None:
        """Serve a function. Raises ConfigurationError for a route that cannot be used."""
        methods = function.trigger.binding.get("methods") or []
        self._router.add(self.route_of(function), methods, function)

    def route_of(self, function: Function) -> str:
        """Return the path template of a function, with the route prefix and without a leading slash."""
        return f"{self._prefix}/{function.trigger.binding['route']}".strip("/")

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request; 404 when neither its path nor its method fits a function."""
        found = self._router.find(request.method, _decoded_path(request.rel_url.raw_path))
        if found is None:
            return web.Response(status=404)
        function, route_values = found
        level = str(function.trigger.binding.get("authLevel", "FUNCTION")).lower()
        if not self._keys.opens_function(level, request.headers, request.query):
            return web.Response(status=401)
        if (request.content_length or 0) > MAX_REQUEST_BYTES:
            return web.Response(status=413)
        trigger = await _trigger_input(request, route_values)
        outcome = await self._invoker.invoke(function, trigger, _REASON)
        if not outcome.succeeded:
            return web.Response(status=500)
        return _response(_answer(function, outcome.outputs))


def _decoded_path(raw_path: str) -> str:
    """Decode a path as Kestrel does: an encoded slash stays encoded."""
    return "%2F".join(unquote(part) for part in re.split("%2F", raw_path, flags=re.IGNORECASE))


async def _trigger_input(request: web.Request, route_values: Mapping[str, str]) -> TriggerInput:
    # The host looks at Content-Length only, so a chunked body never reaches the function.
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
    return TriggerInput(
        data=Datum(data, "http"),
        metadata=_strings({**query, **route_values}),
        trace_parent=headers.get("traceparent"),
    )


def _strings(values: Mapping[str, str]) -> dict[str, Datum]:
    return {name: Datum(value, "string") for name, value in values.items()}


def _answer(function: Function, outputs: Mapping[str, Datum]) -> Datum | None:
    """Find the value of the function's http output, whether it was returned or set."""
    return next(
        (outputs[p.name] for p in function.results if p.binding["type"] == "http" and p.name in outputs), None
    )


def _response(answer: Datum | None) -> web.Response:
    if answer is None:
        return web.Response()
    if answer.type != "http":
        return web.Response(text=_indented(answer.value), content_type="text/plain", charset="utf-8")
    value: dict[str, Any] = answer.value
    response = web.Response(status=int(value["status_code"].value), body=value["body"].value)
    for name, header in value["headers"].items():
        response.headers[name] = header.value
    for cookie in value["cookies"] or []:
        for morsel in cookie.values():
            response.headers.add("Set-Cookie", morsel.OutputString())
    return response


def _indented(text: str) -> str:
    """Rewrite a JSON object or array as the host does; any other text stays as it is."""
    if not looks_like_json(text):
        return text
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
