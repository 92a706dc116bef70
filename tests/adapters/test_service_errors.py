"""Foreign errors stop at the adapters: every kind that an Azure SDK raises has its error here."""

import inspect

import pytest
from azure.core import exceptions

from batchmgr.adapters.service_errors import service_error, service_errors, without_secrets
from batchmgr.errors import (
    ServiceAccessError,
    ServiceBusyError,
    ServiceConflictError,
    ServiceError,
    ServiceNotFoundError,
    ServiceRefusedError,
)

AZURE_ERRORS = [
    kind
    for _, kind in inspect.getmembers(exceptions, inspect.isclass)
    if issubclass(kind, exceptions.AzureError) and "message" in inspect.signature(kind).parameters
]


@pytest.mark.parametrize("kind", AZURE_ERRORS)
def test_every_error_of_an_sdk_becomes_a_service_error_with_its_cause(
    kind: type[exceptions.AzureError],
) -> None:
    with pytest.raises(ServiceError, match="Storage") as caught, service_errors("Storage"):
        raise kind(message="text")
    assert isinstance(caught.value.__cause__, kind)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "InvalidPropertyValue", ServiceRefusedError),
        (200, "", ServiceBusyError),
        (307, "", ServiceRefusedError),
        (401, "", ServiceAccessError),
        (403, "AuthenticationFailed", ServiceAccessError),
        (404, "BlobNotFound", ServiceNotFoundError),
        (404, "", ServiceBusyError),
        (404, "AccountNotFound", ServiceBusyError),
        (409, "JobExists", ServiceConflictError),
        (409, "ActiveJobAndScheduleQuotaReached", ServiceBusyError),
        (412, "ConditionNotMet", ServiceConflictError),
        (413, "RequestBodyTooLarge", ServiceRefusedError),
        (429, "", ServiceBusyError),
        (500, "InternalError", ServiceBusyError),
        (503, "ServerBusy", ServiceBusyError),
    ],
)
def test_status_and_code_decide_the_type_of_the_error(
    status: int, code: str, kind: type[ServiceError]
) -> None:
    error = service_error("Azure Batch", status=status, code=code, message="text\nRequestId:1")
    assert type(error) is kind
    assert (error.status, error.code) == (status, code)
    assert str(error) == f"Azure Batch answered {status} {code or 'without a code'}: text"
    assert error.retryable is (kind in {ServiceBusyError, ServiceAccessError})


def test_other_errors_are_not_changed() -> None:
    with pytest.raises(KeyError), service_errors("Storage"):
        raise KeyError("x")


def test_signatures_are_removed() -> None:
    url = "https://a.blob/x?sv=1&sig=abc%3D&se=2 and https://f/api?code=s3cret"
    assert without_secrets(url) == "https://a.blob/x?sv=1&sig=…&se=2 and https://f/api?code=…"
