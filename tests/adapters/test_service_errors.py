"""Foreign errors stop at the adapters: every kind that an Azure SDK raises has its error here."""

import base64
import inspect
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from azure.core import exceptions
from hypothesis import given
from hypothesis import strategies as st

from batchmgr.adapters.service_errors import (
    LONGEST_RETRY_AFTER,
    caller,
    parse_retry_after,
    service_error,
    service_errors,
    without_secrets,
)
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


NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        (" 40 ", 40),
        ("3600", 3600),
        ("315360000", 3600),
        ("9" * 5000, 3600),
        ("Fri, 27 Nov 2026 12:00:30 GMT", 30),
        ("Fri, 27 Nov 2026 13:00:30 +0100", 30),
        ("Fri, 27 Nov 2026 11:00:00 GMT", 0),
        ("Mon, 27 Nov 2036 12:00:00 GMT", 3600),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("Fri, 99 Nov 2026 12:00:30 GMT", None),
    ],
)
def test_a_retry_after_is_seconds_or_a_date_and_an_hour_at_most(text: str, seconds: int | None) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert parse_retry_after(text, NOW) == expected


@given(st.text() | st.datetimes().map(format_datetime) | st.integers().map(str))
def test_any_retry_after_is_a_pause_of_an_hour_at_most_or_none(text: str) -> None:
    pause = parse_retry_after(text, NOW)
    assert pause is None or timedelta(0) <= pause <= LONGEST_RETRY_AFTER


def test_a_token_that_cannot_be_had_is_missing_access_with_the_reason_of_the_managed_identity() -> None:
    text = (
        "DefaultAzureCredential failed to retrieve a token from the included credentials.\n"
        "Attempted credentials:\n\tEnvironmentCredential: not configured\n"
        "\tManagedIdentityCredential: no identity with client id 1234 on this machine\nTo mitigate this: …"
    )
    with pytest.raises(ServiceAccessError) as caught, service_errors("Azure Batch"):
        raise exceptions.ClientAuthenticationError(message=text)
    assert caught.value.code == "NoToken"
    for words in ("AzureWebJobsStorage__clientId", "client id 1234", "Azure Batch Data Contributor"):
        assert words in str(caught.value)


def jwt(claims: object) -> str:
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({}, claims)
    ]
    return f"Bearer {'.'.join(parts)}.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("authorization", "name"),
    [
        (jwt({"appid": "app-1", "oid": "object-1"}), "the identity with client id app-1, object id object-1"),
        (jwt({"oid": "object-1"}), "the identity with object id object-1"),
        (jwt({}), "the app's identity"),
        (jwt([1]), "the app's identity"),
        ("SharedKey store:c2VjcmV0", "the key of the account 'store'"),
        ("Bearer opaque", "the app's identity"),
        ("Bearer a.b!.c", "the app's identity"),
        ("", "the app's identity"),
    ],
)
def test_the_caller_of_a_request_is_named_without_its_secret(authorization: str, name: str) -> None:
    assert caller(authorization) == name
