"""HTTP responses: JSON, and problem documents (RFC 9457) for batchmgr's errors."""

import logging
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import azure.functions as func
import msgspec

from batchmgr.errors import (
    NOT_A_PAGE,
    BatchmgrError,
    FileGoneError,
    IllegalTransitionError,
    InvalidJobError,
    InvalidQueryError,
    JobConflictError,
    JobNotEndedError,
    JobNotFoundError,
    NoSuchFileError,
    NotPossibleError,
    ServiceAccessError,
    ServiceBusyError,
    ServiceNotFoundError,
    SettingsError,
)
from batchmgr.functions.http_bodies import BodyTooLargeError
from batchmgr.model.request_limits import MAX_TOKEN
from batchmgr.wire.problem_document import problem_document

logger = logging.getLogger(__name__)

JSON = "application/json"
PROBLEM = "application/problem+json"
SCHEMES = ("http", "https")
RETRY_AFTER = {"Retry-After": "5"}
STATUSES: tuple[tuple[type[BatchmgrError], int, str], ...] = (
    (BodyTooLargeError, 413, "The request is too large"),
    (InvalidJobError, 400, "The job can't be accepted"),
    (InvalidQueryError, 400, "A query parameter is wrong"),
    (JobNotFoundError, 404, "No such job"),
    (FileGoneError, 410, "The file is gone"),
    (NoSuchFileError, 404, "No such file"),
    (ServiceNotFoundError, 404, "Not in Azure Batch"),
    (JobConflictError, 409, "The job id is taken"),
    (IllegalTransitionError, 409, "The job has ended"),
    (NotPossibleError, 409, "Not possible with this job"),
    (JobNotEndedError, 409, "The job has not ended"),
    (SettingsError, 503, "batchmgr is not configured"),
    (ServiceAccessError, 503, "The app lacks access to a service"),
    (ServiceBusyError, 503, "A service is busy"),
    (BatchmgrError, 502, "A service refused"),
)
"""The status and title for each type of error. The first type that fits counts."""

_HOST = re.compile(r"(?:[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")

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
    if isinstance(error, InvalidQueryError):
        return problem_response(status, title, error.reason, parameter=error.name)
    return problem_response(status, title, str(error))


def problem_response(
    status: int, title: str, detail: str, *, field: str = "", parameter: str = ""
) -> func.HttpResponse:
    """Return a problem document. Status 503 comes with a `Retry-After` header."""
    headers = RETRY_AFTER if status == 503 else None
    body = msgspec.json.encode(problem_document(status, title, detail, field=field, parameter=parameter))
    return func.HttpResponse(body, status_code=status, headers=headers, mimetype=PROBLEM)


def api_base(req: func.HttpRequest) -> str:
    """Return the URL of the API as the caller has reached it, such as `https://host/api`.

    The host is that of the `Host` header, by which Azure has found the app, and `X-Forwarded-Proto` is what
    its front end says of the scheme. Both are the caller's words elsewhere: a scheme that is none is not
    believed, and for a host that is none the URL has no host. `X-Forwarded-Host` is not read: whoever reaches
    the app past a proxy such as Front Door could set it.
    """
    parts = urlsplit(req.url)
    prefix = str(parts.path).partition("/jobs")[0].partition("/dead-letters")[0]
    if not _HOST.fullmatch(parts.netloc):
        return prefix
    forwarded = req.headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    scheme = next((known for known in (forwarded, parts.scheme) if known in SCHEMES), "https")
    return f"{scheme}://{parts.netloc}{prefix}"


def number(req: func.HttpRequest, name: str, default: int, *, least: int, most: int) -> int:
    """Return a whole number from the query. Raise InvalidQueryError if it is out of range."""
    text = req.params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 19 and least <= int(text) <= most):
        raise InvalidQueryError(f"must be a whole number from {least} to {most}", name=name)
    return int(text)


def page_token(req: func.HttpRequest) -> str:
    """Return the token of a next page from the query. Raise InvalidQueryError if it can't be one."""
    token = str(req.params.get("after", ""))
    if len(token) > MAX_TOKEN:
        raise InvalidQueryError(f"must have at most {MAX_TOKEN} characters", name="after")
    if not (token.isascii() and token.isprintable()):  # storage may answer that with a 500
        raise InvalidQueryError(NOT_A_PAGE, name="after")
    return token
