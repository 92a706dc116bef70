"""The answers of Azure Batch, right or wrong: their content, and the errors that they become."""

from collections.abc import Collection
from typing import Any, TypeVar

import msgspec
from azure.core.exceptions import HttpResponseError
from azure.core.rest import AsyncHttpResponse

from batchmgr.adapters.service_errors import response_error
from batchmgr.errors import ServiceBusyError

SERVICE = "Azure Batch"

NO_PREPARATION = frozenset({"JobPreparationTaskNotSpecified", "JobPreparationTaskOrReleaseTaskNotSpecified"})
"""Codes for a job without a preparation task: the first is documented, the second was recorded."""
NO_POOL = frozenset({"PoolNotFound"})
NO_JOB = frozenset({"JobNotFound"})
NO_TASK = NO_JOB | {"TaskNotFound"}
NO_FILE = NO_TASK | {"FileNotFound", "NodeNotFound", ""}
"""The service's codes for what does not exist. The answer to a HEAD request has no body, so no code."""

T = TypeVar("T")


def decode(response: AsyncHttpResponse, type_: type[T]) -> T:
    """Return the content of a response. Raise ServiceBusyError if it is not the service's."""
    try:
        return msgspec.json.decode(response.content, type=type_)
    except msgspec.DecodeError as error:
        raise ServiceBusyError(
            f"{SERVICE} sent a response that can't be decoded: {error}", code="Unreadable"
        ) from error


async def raise_for_status(response: AsyncHttpResponse, missing: Collection[str]) -> None:
    """Raise ServiceError, with the code and the message of the service, unless it has done what it should.

    `missing` are the codes that say that what the request names does not exist.
    """
    if response.status_code < 300:
        return
    if response.status_code < 400:  # Azure Batch never redirects: somebody else on the way does
        raise ServiceBusyError(f"{SERVICE} sent a redirect", code="Unreadable", status=response.status_code)
    if not response.is_stream_consumed:
        await response.read()
    error = HttpResponseError(response=response)
    code, text = "", str(error.message)
    try:
        body: Any = msgspec.json.decode(response.content)
        code = str(body["code"])
        text = body["message"]["value"]
        details = "; ".join(f"{item['key']}: {item['value']}" for item in body.get("values") or [])
        text = f"{text.splitlines()[0]} ({details})" if details else text
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        pass  # not the service's own error: a gateway has answered
    raise response_error(SERVICE, error, code=code, message=str(text), missing=missing) from error
