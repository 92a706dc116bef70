"""The responses that operations return. The server adds the headers that every response has."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from fakebatch.errors import BatchError
from fakebatch.wire import service_clock, timestamps
from fakebatch.wire.operation_request import OperationRequest

JSON_TYPE: Final = "application/json;odata=minimalmetadata"
ENTITIES: Final = "Microsoft.Azure.Batch.Protocol.Entities"
_ERROR_FRAGMENT: Final = f"{ENTITIES}.Container.errors/@Element"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationResponse:
    """An HTTP status, headers, and at most one of a JSON body and a part of a file."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    file: "FileSpan | None" = None


@dataclass(frozen=True, slots=True)
class FileSpan:
    """The bytes of the file at `path` from `start` up to `end`, without the byte at `end`."""

    path: Path
    start: int
    end: int


def _stamp(last_modified: int) -> dict[str, str]:
    return {"ETag": timestamps.etag(last_modified), "Last-Modified": timestamps.to_http_date(last_modified)}


def _metadata(request: OperationRequest, fragment: str) -> str:
    return f"{request.base}/$metadata#{fragment}"


def created(location: str, last_modified: int) -> OperationResponse:
    """Return the response to the creation of a resource at the URL `location`."""
    return OperationResponse(
        status=201, headers=_stamp(last_modified) | {"DataServiceId": location, "Location": location}
    )


def changed(request: OperationRequest, status: int, last_modified: int) -> OperationResponse:
    """Return the response to a change of a resource. Its DataServiceId is the URL of the request."""
    return OperationResponse(
        status=status, headers=_stamp(last_modified) | {"DataServiceId": f"{request.base}{request.path}"}
    )


def stamped(status: int, last_modified: int) -> OperationResponse:
    """Return a response that has only the entity tag and the time of last modification."""
    return OperationResponse(status=status, headers=_stamp(last_modified))


def entity(
    request: OperationRequest, fragment: str, view: dict[str, Any], last_modified: int
) -> OperationResponse:
    """Return the response with one resource. `fragment` names its type in the metadata, such as `jobs`."""
    body = {"odata.metadata": _metadata(request, f"{fragment}/@Element")} | view
    return OperationResponse(status=200, headers=_stamp(last_modified), body=body)


def value(request: OperationRequest, fragment: str, view: dict[str, Any]) -> OperationResponse:
    """Return the response with a value that is not a resource and so has no entity tag."""
    return OperationResponse(status=200, body={"odata.metadata": _metadata(request, fragment)} | view)


def described(request: OperationRequest, entity_type: str, view: dict[str, Any]) -> OperationResponse:
    """Return the response with the result of an action, whose type has its full name in the metadata."""
    response = value(request, f"{ENTITIES}.{entity_type}", view)
    return replace(response, headers={"DataServiceId": f"{request.base}{request.path}"})


def listed(
    request: OperationRequest, fragment: str, views: Sequence[dict[str, Any]], next_link: str | None = None
) -> OperationResponse:
    """Return the response with one page of a list."""
    body: dict[str, Any] = {"odata.metadata": _metadata(request, fragment), "value": views}
    if next_link is not None:
        body["odata.nextLink"] = next_link
    return OperationResponse(status=200, body=body)


def error_view(error: BatchError, request_id: str) -> dict[str, Any]:
    """Return the JSON of an error, for a response body or for a task's result in an added collection."""
    text = f"{error.message}\nRequestId:{request_id}\nTime:{timestamps.to_iso(service_clock.now())}"
    view: dict[str, Any] = {"code": error.code, "message": {"lang": "en-US", "value": text}}
    if error.values:
        view["values"] = [{"key": key, "value": shown} for key, shown in error.values.items()]
    return view


def failure(base: str, error: BatchError, request_id: str) -> OperationResponse:
    """Return the response for an error. A response with status 304 has no body."""
    if error.status == 304:
        return OperationResponse(status=304)
    body = {"odata.metadata": f"{base}/$metadata#{_ERROR_FRAGMENT}"} | error_view(error, request_id)
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return OperationResponse(status=error.status, headers=headers, body=body)


def new_request_id() -> str:
    """Return a new value for the `request-id` header."""
    return str(uuid.uuid4())
