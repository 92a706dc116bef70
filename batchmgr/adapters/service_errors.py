"""Translation of errors: what the Azure SDKs and HTTP raise becomes a ServiceError, chained to its cause.

Only what the service itself says about the very thing that was asked for is final. A 404 without the
service's code comes from a gateway on the way, and counts as busy. A missing token, a 401 or a 403 counts as
missing access: somebody can still give it.
"""

import base64
import binascii
import re
from collections.abc import Awaitable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
)

from batchmgr.errors import (
    ServiceAccessError,
    ServiceBusyError,
    ServiceConflictError,
    ServiceError,
    ServiceNotFoundError,
    ServiceRefusedError,
)

BUSY_STATUSES = frozenset({408, 425, 429})
BEING_DELETED = frozenset({"QueueBeingDeleted", "ContainerBeingDeleted"})
"""Codes for a queue or container that cannot be created yet, because the old one is still being deleted."""

BUSY_CODES = frozenset(
    {"ActiveJobAndScheduleQuotaReached", "JobScheduleQuotaReached", "ServerBusy", *BEING_DELETED}
)
MISSING = frozenset({"BlobNotFound", "ContainerNotFound", "QueueNotFound"})
"""Storage's own codes for what does not exist."""

ALREADY_THERE = (ResourceExistsError, ResourceModifiedError)
"""Raised for a blob that must not exist yet: for 409, and for 412 if another writer is just creating it."""

LONGEST_RETRY_AFTER = timedelta(hours=1)
"""A `Retry-After` is a number from outside: nobody waits longer because of it."""

NEEDS = {
    "Event Grid": "the role EventGrid Data Sender on the topic",
    "Azure Batch": "the role Azure Batch Data Contributor on the Batch account",
    "Blob storage": "the role Storage Blob Data Owner on the storage account",
    "Queue storage": "the role Storage Queue Data Contributor on the storage account",
    "Storage": "the roles Storage Blob Data Owner and Storage Queue Data Contributor on the storage account",
}
"""What the identity of the app needs, by service."""

_SIGNATURE = re.compile(r"(sig|code|key)=[^&\s\"']+", re.IGNORECASE)
_MAX_TEXT = 500


@contextmanager
def service_errors(service: str) -> Iterator[None]:
    """Turn the errors of an Azure SDK into a ServiceError that names the service."""
    try:
        yield
    except HttpResponseError as error:
        if error.response is None and isinstance(error, ClientAuthenticationError):
            raise no_token(service, error) from error
        raise response_error(service, error, code=_code(error), message=str(error.message)) from error
    except AzureError as error:
        raise ServiceBusyError(f"{service} can't be reached: {error.message}", code="Unreachable") from error
    except TimeoutError as error:
        raise ServiceBusyError(f"{service} did not answer in time", code="Timeout") from error


async def create_unless_exists(creation: Awaitable[object]) -> bool:
    """Create a queue or a container. Return False if it exists, or if somebody else is creating it now.

    The queue client raises ResourceExistsError in both cases, also for the status 204.
    """
    try:
        await creation
    except ResourceExistsError as error:
        if _code(error) in BEING_DELETED:
            raise
        return False
    return True


async def delete_if_there(deletion: Awaitable[object], service: str) -> None:
    """Delete a blob or a container. Do nothing if it is gone, or if somebody is deleting it now."""
    try:
        with service_errors(service):
            await deletion
    except ServiceNotFoundError:
        return
    except ServiceBusyError as error:
        if error.code not in BEING_DELETED:
            raise


def response_error(
    service: str,
    error: HttpResponseError,
    *,
    code: str,
    message: str,
    missing: Collection[str] = MISSING,
) -> ServiceError:
    """Return the error for a response that an SDK has raised. If access is missing, say whose and which."""
    status = error.status_code or 0
    if status in {401, 403}:
        message = f"{_first_line(message)} (called by {caller(_authorization(error))}; {_need(service)})"
    headers = getattr(error.response, "headers", {})
    retry_after = headers.get("Retry-After", "")
    return service_error(
        service, status=status, code=code, message=message, retry_after=retry_after, missing=missing
    )


def service_error(
    service: str,
    *,
    status: int,
    code: str,
    message: str,
    retry_after: str = "",
    missing: Collection[str] = MISSING,
) -> ServiceError:
    """Return the error for an HTTP response. Signatures and keys are removed from its message.

    `missing` are the service's codes that say that what was asked for does not exist.
    """
    text = f"{service} answered {status} {code or 'without a code'}: {without_secrets(_first_line(message))}"
    pause = parse_retry_after(retry_after, datetime.now(UTC))
    return _kind(status, code, missing)(text, code=code, status=status, retry_after=pause)


def _kind(status: int, code: str, missing: Collection[str]) -> type[ServiceError]:
    # A success whose body can't be used comes from somebody else on the way.
    if status < 300 or status >= 500 or status in BUSY_STATUSES or code in BUSY_CODES:
        return ServiceBusyError
    if status in {401, 403}:
        return ServiceAccessError
    if status == 404:
        return ServiceNotFoundError if code in missing else ServiceBusyError
    if status in {409, 412}:
        return ServiceConflictError
    return ServiceRefusedError


def no_token(service: str, error: ClientAuthenticationError) -> ServiceAccessError:
    """Return the error for a token that could not be had, as long as a managed identity is not there yet."""
    return ServiceAccessError(
        f"{service}: there is no token for the app's identity, the one in AzureWebJobsStorage__clientId or "
        f"else its own: {why_no_token(error)} ({_need(service)})",
        code="NoToken",
    )


def why_no_token(error: ClientAuthenticationError, source: str = "ManagedIdentity") -> str:
    """Return why there is no token, in one line: what this source of tokens says, if it says something."""
    lines = [line.strip() for line in str(error.message).splitlines()]
    reason = next((line for line in lines if line.startswith(source)), lines[0] if lines else "")
    return without_secrets(reason)[:_MAX_TEXT]


def caller(authorization: str) -> str:
    """Return who has sent a request with this `Authorization` header. Its secret is not shown."""
    scheme, _, value = authorization.partition(" ")
    if scheme.startswith("SharedKey"):
        return f"the key of the account {value.partition(':')[0]!r}"
    claims = token_claims(value)
    names = {"appid": "client id", "oid": "object id"}
    known = [f"{name} {claims[claim]}" for claim, name in names.items() if claims.get(claim)]
    return f"the identity with {', '.join(known)}" if known else "the app's identity"


def token_claims(token: str) -> Mapping[str, Any]:
    """Return what an access token says of its holder; nothing if it can't be read. It is not verified."""
    try:
        payload = token.split(".")[1]
        claims = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, binascii.Error, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}


def parse_retry_after(text: str, now: datetime) -> timedelta | None:
    """Return the pause that a `Retry-After` header asks for, in seconds or as an HTTP date; at most an hour.

    A date in the past is no pause. None stands for a header that is missing or makes no sense.
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(float(text), LONGEST_RETRY_AFTER.total_seconds()))
    try:
        date = parsedate_to_datetime(text)
        pause = date.replace(tzinfo=date.tzinfo or UTC) - now
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return max(timedelta(0), min(pause, LONGEST_RETRY_AFTER))


def without_secrets(text: str) -> str:
    """Return the text without the signatures and keys in its URLs."""
    return _SIGNATURE.sub(lambda match: f"{match[1]}=…", text)


def _need(service: str) -> str:
    return f"it needs {NEEDS[service]}" if service in NEEDS else "it has no access"


def _authorization(error: HttpResponseError) -> str:
    request = getattr(error.response, "request", None)
    return str(getattr(request, "headers", {}).get("Authorization", ""))


def _code(error: HttpResponseError) -> str:
    code = getattr(error, "error_code", None) or ""
    return str(getattr(code, "value", code))


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0].strip()
