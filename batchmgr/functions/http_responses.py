"""HTTP responses: JSON, and problem documents (RFC 9457) for batchmgr's errors."""

import logging
from collections.abc import Mapping
from urllib.parse import urlsplit

import azure.functions as func
import msgspec

from batchmgr.errors import (
    BatchmgrError,
    IllegalTransitionError,
    InvalidJobError,
    JobConflictError,
    JobNotEndedError,
    JobNotFoundError,
    ServiceAccessError,
    ServiceBusyError,
    ServiceNotFoundError,
    SettingsError,
)
from batchmgr.functions.http_bodies import BodyTooLargeError
from batchmgr.wire.problem_document import problem_document

logger = logging.getLogger(__name__)

JSON = "application/json"
PROBLEM = "application/problem+json"
RETRY_AFTER = {"Retry-After": "5"}
STATUSES: tuple[tuple[type[BatchmgrError], int, str], ...] = (
    (BodyTooLargeError, 413, "The request is too large"),
    (InvalidJobError, 400, "The job can't be accepted"),
    (JobNotFoundError, 404, "No such job"),
    (ServiceNotFoundError, 404, "Not in Azure Batch"),
    (JobConflictError, 409, "The job id is taken"),
    (IllegalTransitionError, 409, "The job has ended"),
    (JobNotEndedError, 409, "The job has not ended"),
    (SettingsError, 503, "batchmgr is not configured"),
    (ServiceAccessError, 503, "The app lacks access to a service"),
    (ServiceBusyError, 503, "A service is busy"),
    (BatchmgrError, 502, "A service refused"),
)
"""The status and title for each type of error. The first type that fits counts."""

IN_BATCH = frozenset({"JobNotFound", "TaskNotFound", "FileNotFound", "NodeNotFound", ""})
"""The codes for what a caller may ask for. A queue or a container that is missing is its own trouble."""


def json_response(
    body: Mapping[str, object], status: int = 200, headers: dict[str, str] | None = None
) -> func.HttpResponse:
    """Return a JSON response."""
    return func.HttpResponse(msgspec.json.encode(body), status_code=status, headers=headers, mimetype=JSON)


def error_response(error: BatchmgrError) -> func.HttpResponse:
    """Return the problem document of an error, with the status of its type."""
    status, title = next((s, t) for kind, s, t in STATUSES if isinstance(error, kind))
    if isinstance(error, ServiceNotFoundError) and error.code not in IN_BATCH:
        status, title = 503, "Storage is incomplete"
    if status >= 500 and not isinstance(error, SettingsError):  # the runtime logs that, once
        logger.warning("%s: %s", title, error)
    if isinstance(error, InvalidJobError):
        return problem_response(status, title, error.reason, field=error.field)
    return problem_response(status, title, str(error))


def problem_response(status: int, title: str, detail: str, *, field: str = "") -> func.HttpResponse:
    """Return a problem document. Status 503 comes with a `Retry-After` header."""
    headers = RETRY_AFTER if status == 503 else None
    body = msgspec.json.encode(problem_document(status, title, detail, field=field))
    return func.HttpResponse(body, status_code=status, headers=headers, mimetype=PROBLEM)


def api_base(req: func.HttpRequest) -> str:
    """Return the URL of the API as the caller has reached it, such as `https://host/api`."""
    parts = urlsplit(req.url)
    scheme = req.headers.get("x-forwarded-proto", parts.scheme).split(",")[0].strip()
    prefix = parts.path.partition("/jobs")[0]
    return f"{scheme}://{parts.netloc}{prefix}"


def number(req: func.HttpRequest, name: str, default: int, *, least: int, most: int) -> int:
    """Return a whole number from the query. Raise InvalidJobError, which names it, if it is out of range."""
    text = req.params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 19 and least <= int(text) <= most):
        raise InvalidJobError(f"must be a whole number from {least} to {most}", field=name)
    return int(text)
