"""HTTP answers: JSON out, and every error of batchmgr as a problem document (RFC 9457)."""

import functools
import logging
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

import azure.functions as func
import msgspec

from batchmgr.errors import (
    BatchmgrError,
    IllegalTransitionError,
    InvalidJobError,
    JobConflictError,
    JobNotFoundError,
    ServiceBusyError,
    ServiceNotFoundError,
)
from batchmgr.settings import SettingsError
from batchmgr.wire.job_answers import problem

logger = logging.getLogger(__name__)

JSON = "application/json"
PROBLEM = "application/problem+json"
STATUSES: tuple[tuple[type[BatchmgrError], int, str], ...] = (
    (InvalidJobError, 400, "The job can't be accepted"),
    (JobNotFoundError, 404, "No such job"),
    (ServiceNotFoundError, 404, "Not in Azure Batch"),
    (JobConflictError, 409, "The job id is taken"),
    (IllegalTransitionError, 409, "The job has ended"),
    (SettingsError, 500, "batchmgr is not configured"),
    (ServiceBusyError, 503, "A service is busy"),
    (BatchmgrError, 502, "A service refused"),
)

Handler = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]


def answering(handler: Handler) -> Handler:
    """Answer errors of batchmgr with a problem document. Others are bugs, and stay a 500."""

    @functools.wraps(handler)
    async def answered(req: func.HttpRequest) -> func.HttpResponse:
        try:
            return await handler(req)
        except BatchmgrError as error:
            return _problem(error)

    return answered


def answer(
    body: Mapping[str, object], status: int = 200, headers: dict[str, str] | None = None
) -> func.HttpResponse:
    """A JSON answer."""
    return func.HttpResponse(msgspec.json.encode(body), status_code=status, headers=headers, mimetype=JSON)


def problem_answer(status: int, title: str, detail: str, *, field: str = "") -> func.HttpResponse:
    """A problem document."""
    headers = {"Retry-After": "5"} if status == 503 else None
    body = msgspec.json.encode(problem(status, title, detail, field=field))
    return func.HttpResponse(body, status_code=status, headers=headers, mimetype=PROBLEM)


def api_base(req: func.HttpRequest) -> str:
    """The URL of the API as the caller reached it, such as `https://host/api`."""
    parts = urlsplit(req.url)
    scheme = req.headers.get("x-forwarded-proto", parts.scheme).split(",")[0].strip()
    prefix = parts.path.partition("/jobs")[0]
    return f"{scheme}://{parts.netloc}{prefix}"


def number(req: func.HttpRequest, name: str, default: int, *, least: int, most: int) -> int:
    """A whole number from the query. InvalidJobError that names it, if it is none or out of range."""
    text = req.params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 19 and least <= int(text) <= most):
        raise InvalidJobError(f"must be a whole number from {least} to {most}", field=name)
    return int(text)


def _problem(error: BatchmgrError) -> func.HttpResponse:
    status, title = next((s, t) for kind, s, t in STATUSES if isinstance(error, kind))
    if status >= 500:
        logger.warning("%s: %s", title, error)
    if isinstance(error, InvalidJobError):
        return problem_answer(status, title, error.reason, field=error.field)
    return problem_answer(status, title, str(error))
