"""The SharedKey signature of requests, and the well-known account of the fake Batch."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qs, quote, unquote

from fakebatch.errors import BatchError
from fakebatch.wire import service_clock, timestamps

ACCOUNT_NAME: Final = "devbatchaccount"
ACCOUNT_KEY: Final = (
    "ZmFrZS1iYXRjaC1kZXZlbG9wbWVudC1rZXktLXB1YmxpYy1vbi1wdXJwb3NlLS1ndWFyZHMtbm90aGluZy0tLQ=="
)
"""Public on purpose. It protects nothing and is the same on every machine, like the key of Azurite."""

_SIGNED_HEADERS: Final = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)
_WINDOW: Final = 15 * 60 * timestamps.PER_SECOND


def string_to_sign(
    method: str, path: str, query: str, headers: Mapping[str, str], absent_length: str = "0"
) -> str:
    """Return the canonical text of a request, which is signed. `path` and `query` are still percent-encoded.

    `absent_length` is used as the content length if the request has none and its method may have a body.
    """
    sent = {name.lower(): shown for name, shown in headers.items() if shown}
    length = "" if method in ("GET", "HEAD") else sent.get("content-length", absent_length)
    lines = [length if name == "content-length" else sent.get(name, "") for name in _SIGNED_HEADERS]
    lines += [f"{name}:{shown}" for name, shown in sorted(sent.items()) if name.startswith("ocp-")]
    parameters = sorted((name, shown[0]) for name, shown in parse_qs(query).items())
    resource = [f"/{ACCOUNT_NAME}{path}", *(f"{name}:{shown}" for name, shown in parameters)]
    return "\n".join([method, *lines, *resource])


def authorize(method: str, path: str, query: str, headers: Mapping[str, str]) -> None:
    """Raise BatchError(AuthenticationFailed) unless the request has a valid signature and a recent date.

    The signature must be made with the account key, and the date at most 15 minutes off.
    """
    given = headers.get("Authorization", "")
    # The HTTP library of a client may write the path in another way than the code that signed it: for example
    # a colon, as in the ids of scheduled jobs, plain instead of percent-encoded. For a DELETE the JavaScript
    # client signs an empty length, where others sign a 0.
    texts = (
        string_to_sign(method, written, query, headers, absent_length)
        for written in (path, _quoted(path))
        for absent_length in ("0", "")
    )
    if not any(_is_signature(given, text) for text in texts):
        raise BatchError(
            "AuthenticationFailed", AuthenticationErrorDetail="The signature does not match the request."
        )
    try:
        sent_at = _read_date(headers.get("ocp-date") or headers.get("Date") or "")
    except ValueError as error:
        raise BatchError(
            "AuthenticationFailed", AuthenticationErrorDetail="The request has no readable date."
        ) from error
    if abs(service_clock.real_now() - sent_at) > _WINDOW:
        raise BatchError(
            "AuthenticationFailed", AuthenticationErrorDetail="The date is more than 15 minutes off."
        )


# Many requests have the same date, because they come within one second.
_read_date = lru_cache(maxsize=16)(timestamps.from_http_date)


def _is_signature(given: str, text: str) -> bool:
    return hmac.compare_digest(given.encode(), f"SharedKey {ACCOUNT_NAME}:{_sign(text)}".encode())


def _quoted(path: str) -> str:
    return "/".join(quote(unquote(part), safe="") for part in path.split("/"))


def _sign(text: str) -> str:
    digest = hmac.digest(base64.b64decode(ACCOUNT_KEY), text.encode(), hashlib.sha256)
    return base64.b64encode(digest).decode()
