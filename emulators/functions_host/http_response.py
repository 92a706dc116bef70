"""HTTP responses of functions: what becomes of the value that a function returned.

Source: `HttpBinding` and `RawScriptResult` in https://github.com/Azure/azure-functions-host
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http.cookies import Morsel
from typing import Any, Self
from urllib.parse import quote

from aiohttp import hdrs, web

from functions_host.http_server import reason_phrase
from functions_host.typed_data import TypedData

_TEXT = "text/plain; charset=utf-8"
_TOKEN = re.compile(r"[0-9A-Za-z!#$%&'*+\-.^_`|~]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
_EXPIRES = ("%a, %d-%b-%Y %H:%M:%S GMT", "%a, %d %b %Y %H:%M:%S GMT")


@dataclass(frozen=True, kw_only=True)
class FunctionResponse:
    """The response of a function, before it is sent."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()
    body: bytes = b""

    @classmethod
    def of(cls, output: TypedData | None) -> Self:
        """Return the response for the HTTP output of a function.

        Raises ValueError if the real host would respond with 500.
        """
        if output is None:
            return cls()
        if output.type != "http":
            return cls._of_text(output.value)
        value: Mapping[str, Any] = output.value
        body = value["body"].value or b""
        return cls(
            status=int(value["status_code"].value),
            headers=_headers({name: header.value for name, header in value["headers"].items()}),
            cookies=tuple(_cookie(morsel) for cookie in value["cookies"] or () for morsel in cookie.values()),
            body=body.encode() if isinstance(body, str) else body,
        )

    @classmethod
    def _of_text(cls, text: str) -> Self:
        """Return the response for a returned text. JSON with a property `body` describes a response."""
        try:
            value = json.loads(text) if text else None
        except ValueError:
            value = text
        properties = {name.lower(): item for name, item in value.items()} if isinstance(value, dict) else {}
        if "body" not in properties:
            return cls(headers={hdrs.CONTENT_TYPE: _TEXT}, body=_displayed(value).encode())
        given = properties.get("headers")
        headers = _headers(given if isinstance(given, dict) else {})
        status = properties.get("statuscode", properties.get("status"))
        body = properties["body"]
        return cls(
            status=_status(status),
            headers={hdrs.CONTENT_TYPE: _TEXT} | headers,
            body=_displayed_body(body).encode(),
        )

    async def send(self, request: web.BaseRequest) -> web.StreamResponse:
        """Send the response. Raises ValueError for a Content-Length that is too small."""
        length = self._declared_length()
        response = web.StreamResponse(
            status=self.status,
            reason=reason_phrase(self.status),
            # A type that is missing or empty is not sent.
            headers={hdrs.CONTENT_TYPE: "", **self.headers},
        )
        for cookie in self.cookies:
            response.headers.add(hdrs.SET_COOKIE, cookie)
        response.content_length = length
        has_other_length = length is not None and length != len(self.body)
        if has_other_length or "close" in self.headers.get(hdrs.CONNECTION, "").lower():
            response.force_close()
        await response.prepare(request)
        if self.body and not self._is_without_body(request):
            await response.write(self.body)
        await response.write_eof()
        return response

    def _is_without_body(self, request: web.BaseRequest) -> bool:
        return request.method == hdrs.METH_HEAD or self.status in (204, 304) or 100 <= self.status < 200

    def _declared_length(self) -> int | None:
        """Return the Content-Length. Without one, a body is sent in chunks."""
        if hdrs.TRANSFER_ENCODING in self.headers:
            # The body is sent as it is. It is up to the function to have encoded it.
            return len(self.body)
        declared = self.headers.get(hdrs.CONTENT_LENGTH)
        if declared is None:
            return None if self.body else 0
        if not declared.isdecimal() or int(declared) < len(self.body):
            raise ValueError(
                f"the Content-Length {declared!r} is not that of a body of {len(self.body)} bytes"
            )
        return int(declared)


def _headers(given: Mapping[str, Any]) -> dict[str, str]:
    """Return headers, the known ones in their usual spelling. Raises ValueError if Kestrel refuses one."""
    headers: dict[str, str] = {}
    for name, value in given.items():
        text = _displayed(value)
        if value is None or not _TOKEN.fullmatch(name) or not _HEADER_VALUE.fullmatch(text):
            raise ValueError(f"the response header {name!r} is invalid: {value!r}")
        known = _KNOWN.get(name.lower(), name)
        # Of names that differ in case only, the first one counts.
        headers.setdefault(known, text)
    return headers


_KNOWN = {
    name.lower(): str(name)
    for name in (hdrs.CONTENT_TYPE, hdrs.CONTENT_LENGTH, hdrs.CONNECTION, hdrs.TRANSFER_ENCODING)
}


def _cookie(morsel: "Morsel[str]") -> str:
    """Return a Set-Cookie header as ASP.NET Core writes it."""
    parts = [f"{morsel.key}={quote(morsel.value, safe='-._~')}", *_cookie_attributes(morsel)]
    text = "; ".join(parts)
    if not _TOKEN.fullmatch(morsel.key) or not _HEADER_VALUE.fullmatch(text):
        raise ValueError(f"the cookie {morsel.key!r} is invalid")
    return text


def _cookie_attributes(morsel: "Morsel[str]") -> Iterable[str]:
    if morsel["expires"]:
        yield f"expires={_parse_expires(morsel['expires']):%a, %d %b %Y %H:%M:%S} GMT"
    if morsel["max-age"] != "":
        yield f"max-age={int(morsel['max-age'])}"
    yield f"domain={morsel['domain']}"
    yield f"path={morsel['path']}"
    if morsel["secure"]:
        yield "secure"
    if (same_site := morsel["samesite"].lower()) in ("lax", "strict", "none"):
        yield f"samesite={same_site}"
    if morsel["httponly"]:
        yield "httponly"


def _parse_expires(text: str) -> datetime:
    for form in _EXPIRES:
        try:
            # The format says that it is GMT.
            return datetime.strptime(text, form)
        except ValueError:
            continue
    raise ValueError(f"a cookie expires at {text!r}, which is no time")


def _status(value: Any) -> int:
    """Return the status of a response that is described as JSON. What is no number is ignored."""
    try:
        return int(value) if isinstance(value, int | str) and not isinstance(value, bool) else 200
    except ValueError:
        return 200


def _displayed_body(body: Any) -> str:
    """Return the body of a response that is described as JSON."""
    if isinstance(body, dict):
        return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    if isinstance(body, list):
        # .NET's name of the type, and none of the values.
        return "System.Collections.Generic.List`1[System.Object]"
    return _displayed(body)


def _displayed(value: Any) -> str:
    """Return what .NET's `ToString` makes of a JSON value. Objects and arrays are indented."""
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, indent=2, ensure_ascii=False)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
