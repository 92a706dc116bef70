"""Translation of errors: what the Azure SDKs and HTTP raise becomes a ServiceError, chained to its cause."""

import re
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceModifiedError

from batchmgr.errors import (
    ServiceBusyError,
    ServiceConflictError,
    ServiceError,
    ServiceNotFoundError,
    ServiceRefusedError,
)

BUSY_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
BEING_DELETED = frozenset({"QueueBeingDeleted", "ContainerBeingDeleted"})
"""Codes for a queue or container that cannot be created yet, because the old one is still being deleted."""

BUSY_CODES = frozenset(
    {"ActiveJobAndScheduleQuotaReached", "JobScheduleQuotaReached", "ServerBusy", *BEING_DELETED}
)
ALREADY_THERE = (ResourceExistsError, ResourceModifiedError)
"""Raised for a blob that must not exist yet: for 409, and for 412 if another writer is just creating it."""

_SIGNATURE = re.compile(r"(sig|code|key)=[^&\s\"']+", re.IGNORECASE)


@contextmanager
def service_errors(service: str) -> Iterator[None]:
    """Turn the errors of an Azure SDK into a ServiceError that names the service."""
    try:
        yield
    except HttpResponseError as error:
        headers = getattr(error.response, "headers", {})
        retry_after = headers.get("Retry-After", "")
        raise service_error(
            service,
            status=error.status_code or 0,
            code=_code(error),
            message=str(error.message),
            retry_after=retry_after,
        ) from error
    except AzureError as error:
        raise ServiceBusyError(f"{service} can't be reached: {error.message}", code="Unreachable") from error


async def create_unless_exists(creation: Awaitable[object]) -> None:
    """Create a queue or a container. Do nothing if it exists, or if somebody else is creating it now.

    The queue client raises ResourceExistsError in both cases, also for the status 204.
    """
    try:
        await creation
    except ResourceExistsError as error:
        if _code(error) in BEING_DELETED:
            raise


def service_error(
    service: str, *, status: int, code: str, message: str, retry_after: str = ""
) -> ServiceError:
    """Return the error for an HTTP response. Signatures and keys are removed from its message."""
    first_line = message.strip().partition("\n")[0].strip()
    text = f"{service} answered {status} {code or 'without a code'}: {without_secrets(first_line)}"
    pause = timedelta(seconds=int(retry_after)) if retry_after.isdigit() else None
    kind: type[ServiceError] = ServiceRefusedError
    if status in BUSY_STATUSES or code in BUSY_CODES:
        kind = ServiceBusyError
    elif status == 404:
        kind = ServiceNotFoundError
    elif status in {409, 412}:
        kind = ServiceConflictError
    return kind(text, code=code, status=status, retry_after=pause)


def _code(error: HttpResponseError) -> str:
    code = getattr(error, "error_code", None) or ""
    return str(getattr(code, "value", code))


def without_secrets(text: str) -> str:
    """Return the text without the signatures and keys in its URLs."""
    return _SIGNATURE.sub(lambda match: f"{match[1]}=…", text)
