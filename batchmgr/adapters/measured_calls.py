"""Calls to Azure as metrics: how long each took, how it ended, and how often a service was busy.

An operation has few names: `GET /jobs/{}/tasks` for Azure Batch, `PUT appendblock` for storage.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from batchmgr.model.telemetry_names import (
    CALL_DURATION,
    ERROR_TYPE,
    OPERATION,
    SERVICE,
    STATUS_CODE,
    THROTTLES,
)
from batchmgr.telemetry_port import Telemetry

THROTTLING = frozenset({429, 503})
R = TypeVar("R")


class Call:
    """One call that is being made."""

    def __init__(self) -> None:
        self.status = 0

    def answered(self, response: R) -> R:
        """Note the status of the last response, and return it."""
        http_response: Any = getattr(response, "http_response", None)
        self.status = int(getattr(http_response, "status_code", 0) or 0)
        return response


class Calls:
    """The calls of one client. `service` is `batch`, `blob` or `queue`."""

    def __init__(self, service: str, telemetry: Telemetry) -> None:
        self._service = service
        self._telemetry = telemetry

    def name(self, request: Any) -> str:
        """Return the name of a request's span."""
        return f"{self._service} {operation(self._service, request)}"

    @contextmanager
    def measured(self, request: Any) -> Iterator[Call]:
        """Measure a call, retries included."""
        call, begun, kind = Call(), time.monotonic(), ""
        try:
            yield call
        except BaseException as error:
            kind = type(error).__name__
            raise
        finally:
            attributes = self._attributes(request)
            if call.status >= 400:
                kind = str(call.status)
            if kind:
                attributes[ERROR_TYPE] = kind
            self._telemetry.record(CALL_DURATION, time.monotonic() - begun, attributes)

    def seen(self, request: Any, status: int) -> None:
        """Count a response that says that the service is busy."""
        if status in THROTTLING:
            self._telemetry.record(THROTTLES, 1, {**self._attributes(request), STATUS_CODE: status})

    def _attributes(self, request: Any) -> dict[str, str | int]:
        return {SERVICE: self._service, OPERATION: operation(self._service, request)}


def operation(service: str, request: Any) -> str:
    """Return a name for what a request does, which holds no id."""
    parts = urlsplit(str(request.url))
    if service == "batch":
        # Names and ids take turns, as in /jobs/{id}/tasks/{id}.
        path = [part if i % 2 == 0 else "{}" for i, part in enumerate(parts.path.strip("/").split("/"))]
        return f"{request.method} /{'/'.join(path)}"
    query = parse_qs(parts.query)
    kind = (query.get("comp") or query.get("restype") or [""])[0]
    return f"{request.method} {kind}".strip()
