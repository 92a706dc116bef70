"""HTTP responses: JSON, and problem documents (RFC 9457) for batchmgr's errors."""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple
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


class ErrorKind(NamedTuple):
    """What is the same for all errors of a kind: status, title, and a code, which never changes."""

    status: int
    code: str
    title: str


ERRORS: dict[type[BatchmgrError], ErrorKind] = {
    BodyTooLargeError: ErrorKind(413, "BodyTooLarge", "The request is too large"),
    InvalidJobError: ErrorKind(400, "InvalidJob", "The job can't be accepted"),
    InvalidQueryError: ErrorKind(400, "InvalidQuery", "A query parameter is wrong"),
    JobNotFoundError: ErrorKind(404, "JobNotFound", "No such job"),
    FileGoneError: ErrorKind(410, "FileGone", "The file is gone"),
    NoSuchFileError: ErrorKind(404, "NoSuchFile", "No such file"),
    ServiceNotFoundError: ErrorKind(404, "NotInBatch", "Not in Azure Batch"),
    JobConflictError: ErrorKind(409, "JobConflict", "The job id is taken"),
    IllegalTransitionError: ErrorKind(409, "JobEnded", "The job has ended"),
    NotPossibleError: ErrorKind(409, "NotPossible", "Not possible with this job"),
    JobNotEndedError: ErrorKind(409, "JobNotEnded", "The job has not ended"),
    SettingsError: ErrorKind(503, "NotConfigured", "batchmgr is not configured"),
    ServiceAccessError: ErrorKind(503, "NoAccess", "The app lacks access to a service"),
    ServiceBusyError: ErrorKind(503, "ServiceBusy", "A service is busy"),
    BatchmgrError: ErrorKind(502, "ServiceRefused", "A service refused"),
}
"""The kind of each type of error. The first type that fits counts."""

STORAGE_INCOMPLETE = ErrorKind(503, "StorageIncomplete", "Storage is incomplete")
NO_SUCH_PART = ErrorKind(416, "NoSuchPart", "No such part")
TOO_SLOW = ErrorKind(503, "TooSlow", "It took too long")
ALL_KINDS = (*ERRORS.values(), STORAGE_INCOMPLETE, NO_SUCH_PART, TOO_SLOW)

ERROR_CODE = "x-ms-error-code"
"""The header that has the code too, as Azure's own services send it."""

_HOST = re.compile(r"(?:[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")

_ROUTE = re.compile(r"/(?:jobs|dead-letters|openapi\.json)(?:/.*)?\Z", re.DOTALL)
"""Where a path leaves the API's own URL, in answers that have URLs."""

IN_BATCH = frozenset({"JobNotFound", "TaskNotFound", "FileNotFound", "NodeNotFound", ""})
"""The codes for what a caller may ask for. A queue or a container that is missing is its own trouble."""


def json_response(
    body: Mapping[str, object] | msgspec.Struct, status: int = 200, headers: dict[str, str] | None = None
) -> func.HttpResponse:
    """Return a JSON response."""
    return func.HttpResponse(msgspec.json.encode(body), status_code=status, headers=headers, mimetype=JSON)


def error_response(error: BatchmgrError) -> func.HttpResponse:
    """Return the problem document of an error, with the status of its type."""
    kind = next(kind for type_, kind in ERRORS.items() if isinstance(error, type_))
    if isinstance(error, ServiceNotFoundError) and error.code not in IN_BATCH:
        kind = STORAGE_INCOMPLETE
    if kind.status >= 500 and not isinstance(error, SettingsError):  # the runtime logs that, once
        logger.warning("%s: %s", kind.title, error)
    if isinstance(error, InvalidJobError):
        return problem_response(kind, error.reason, problems=error.problems)
    if isinstance(error, InvalidQueryError):
        return problem_response(kind, error.reason, parameter=error.name)
    return problem_response(kind, str(error))


def problem_response(
    kind: ErrorKind, detail: str, *, problems: Sequence[InvalidJobError] = (), parameter: str = ""
) -> func.HttpResponse:
    """Return a problem document. Status 503 comes with a `Retry-After` header."""
    headers = {ERROR_CODE: kind.code, **(RETRY_AFTER if kind.status == 503 else {})}
    body = msgspec.json.encode(problem_document(*kind, detail, problems=problems, parameter=parameter))
    return func.HttpResponse(body, status_code=kind.status, headers=headers, mimetype=PROBLEM)


def api_base(req: func.HttpRequest) -> str:
    """Return the URL of the API as the caller has reached it, such as `https://host/api`.

    The host is that of the `Host` header, by which Azure has found the app, and `X-Forwarded-Proto` is what
    its front end says of the scheme. Both are the caller's words elsewhere: a scheme that is none is not
    believed, and for a host that is none the URL has no host. `X-Forwarded-Host` is not read: whoever reaches
    the app past a proxy such as Front Door could set it.
    """
    parts = urlsplit(req.url)
    prefix = _ROUTE.sub("", parts.path)
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
