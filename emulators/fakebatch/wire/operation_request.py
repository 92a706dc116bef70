"""The request that an operation gets, and the check of its conditional headers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fakebatch.errors import BatchError
from fakebatch.wire import timestamps


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRequest:
    """One request.

    `ids` are the named parts of the path. `query` holds the parameters in order, with their names as sent.
    `headers` can be read in any case. `base` is the address that the client used, such as
    `http://127.0.0.1:10100`.
    """

    method: str
    base: str
    path: str
    ids: Mapping[str, str]
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes

    def parameter(self, name: str) -> str | None:
        """Return a query parameter or None. The name is matched without regard to case."""
        wanted = name.lower()
        return next((value for key, value in self.query if key.lower() == wanted), None)

    def json(self) -> Any:
        """Return the parsed JSON body; an empty body is an empty object.

        Raises BatchError(InvalidRequestBody).
        """
        if not self.body:
            return {}
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise BatchError("InvalidRequestBody", Reason=error) from error


def check_conditions(request: OperationRequest, last_modified: int) -> None:
    """Raise BatchError(ConditionNotMet, NotModified) if a conditional header forbids the operation.

    `last_modified` is the time in ticks from which the entity tag is derived.
    """
    tag, second = timestamps.etag(last_modified), last_modified - last_modified % timestamps.PER_SECOND
    match, none_match = request.headers.get("If-Match"), request.headers.get("If-None-Match")
    changed_since = request.headers.get("If-Modified-Since")
    unchanged_since = request.headers.get("If-Unmodified-Since")
    if match is not None and not _names(match, tag):
        raise BatchError("ConditionNotMet")
    if unchanged_since is not None and second > _date("If-Unmodified-Since", unchanged_since):
        raise BatchError("ConditionNotMet")
    stale = none_match is not None and _names(none_match, tag)
    if changed_since is not None and second <= _date("If-Modified-Since", changed_since):
        stale = True
    if stale:
        raise BatchError("NotModified" if request.method in ("GET", "HEAD") else "ConditionNotMet")


def _names(header: str, tag: str) -> bool:
    return any(candidate.strip().strip('"') in (tag, "*") for candidate in header.split(","))


def _date(header: str, text: str) -> int:
    try:
        return timestamps.from_http_date(text)
    except ValueError as error:
        raise BatchError("InvalidHeaderValue", HeaderName=header, HeaderValue=text) from error
