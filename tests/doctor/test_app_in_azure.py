"""An app in Azure: against a stand-in of Resource Manager, with Azurite and the fake Batch as accounts."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import azure.identity.aio
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from batchmgr.doctor.azure_batch_account import family_of
from batchmgr.doctor.azure_roles import IDS
from batchmgr.doctor.finding import Status
from tests.doctor.azure import (
    APP,
    BATCH,
    EVENT_TOPIC,
    EVENTS,
    TOPIC,
    Azure,
    serving_azure,
)
from tests.doctor.broken import carry_out
from tests.doctor.broken_apps import BROKEN, UNKNOWN, WRONG, send_events
from tests.doctor.conftest import SetUp
from tests.doctor.deployed_app import Deployed, Developer
from tests.infra.bicep import INFRA
from tests.packaging.credentials import NotSignedIn


@pytest.fixture(name="app")
async def an_app(set_up: SetUp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Deployed]:
    monkeypatch.setattr(azure.identity.aio, "DefaultAzureCredential", Developer)
    set_up.environment["BATCHMGR_BLOB_SOURCE"] = "EventGrid"
    blobs = set_up.environment["AzureWebJobsStorage"].partition("BlobEndpoint=")[2].partition(";")[0]
    account = urlsplit(blobs).path.strip("/")
    async with serving_azure(tmp_path / "tls", Azure(settings=set_up.environment, storage=account)) as served:
        yield Deployed(served, set_up)


async def test_an_app_that_is_well_has_no_trouble_and_nothing_is_changed(app: Deployed) -> None:
    findings = await app.examine()
    assert {one.status for one in findings} == {Status.FINE}, findings
    for check in (
        "app",
        "functions",
        "health",
        "secrets",
        "event grid",
        "deliveries",
        "quota of jobs",
        "pool",
    ):
        assert findings.of(check).status is Status.FINE
    posts = {call for call in app.azure.calls if not call.startswith("GET ")}
    assert posts == {
        f"POST {APP}/config/appsettings/list",
        f"POST {APP}/host/default/listkeys",
        f"POST {EVENTS}/getFullUrl",
    }
    assert len([one for one in findings if one.check == "pool"]) == 1


async def test_an_app_with_an_identity_that_is_well_has_its_roles(app: Deployed) -> None:
    app.use_identity()
    findings = await app.examine()
    assert findings.troubles == {"callbacks", "telemetry"}  # not signed, and none is exported
    roles = [one.what for one in findings if one.check == "roles"]
    assert roles == [
        f"the app has Storage Blob Data Owner on {app.azure.storage}",
        f"the app has Storage Queue Data Contributor on {app.azure.storage}",
        "the app has Azure Batch Data Contributor on devbatchaccount",
    ]
    # The accounts can't be reached from here, which says nothing of the app.
    assert findings.of("blobs").status is UNKNOWN
    assert findings.of("batch").what.startswith("not looked at, because this machine can't reach it")
    # Azure Resource Manager knows the pool all the same.
    assert findings.of("pool").status is Status.FINE


async def test_the_topic_that_events_go_to_is_looked_at_without_sending_any(app: Deployed) -> None:
    send_events(app)
    findings = await app.examine()
    assert [one.what for one in findings if one.check == "event topic" and one.status is Status.FINE] == [
        "the topic job-events takes CloudEvents"
    ]
    assert "the app has EventGrid Data Sender on job-events" in [one.what for one in findings]
    assert findings.of("event topic").status is UNKNOWN  # it can't be reached from here
    assert EVENT_TOPIC in "".join(app.azure.calls)


async def test_a_topic_in_another_subscription_is_not_known(app: Deployed) -> None:
    send_events(app)
    app.set_up.environment["BATCHMGR_EVENT_TOPIC"] = "https://others.invalid/api/events"
    found = [one for one in await app.examine() if one.check == "event topic"]
    assert {one.status for one in found} == {UNKNOWN}
    assert "others was not found in the app's subscription" in found[0].what


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_app_is_explained(app: Deployed, name: str) -> None:
    broken = BROKEN[name]
    await carry_out(broken.by, app)
    findings = await app.examine()
    broken.check_told(findings)
    assert "code=secret" not in "".join(f"{one.what}{one.remedy}" for one in findings)


async def test_what_passes_is_tried_again(app: Deployed) -> None:
    app.azure.fail(APP, 429, "TooManyRequests", wait="0")
    app.azure.fail(f"{APP}/functions", 503, "ServiceUnavailable")
    findings = await app.examine()
    assert {one.status for one in findings} == {Status.FINE}, findings
    assert app.azure.calls.count(f"GET {APP}") == 2


async def test_nobody_waits_for_a_long_retry_after(app: Deployed) -> None:
    app.azure.fail(f"{APP}/functions", 429, "TooManyRequests", times=9, wait="3600")
    findings = await app.examine()
    assert findings.of("functions").status is UNKNOWN
    assert "429" in findings.of("functions").what
    assert app.azure.calls.count(f"GET {APP}/functions") == 1


async def test_what_may_not_be_read_is_told_and_hides_nothing_else(app: Deployed) -> None:
    for path in (f"{TOPIC}/eventSubscriptions", BATCH, f"{APP}/config/configreferences/appsettings"):
        app.azure.fail(path, 403, "AuthorizationFailed")
    findings = await app.examine()
    for check in ("event grid", "batch", "secrets"):
        assert findings.of(check).status is UNKNOWN
        assert "AuthorizationFailed" in findings.of(check).what
    assert findings.of("functions").status is Status.FINE
    assert findings.of("pool").status is Status.FINE


async def test_the_functions_are_looked_for_after_the_app_was_found(app: Deployed) -> None:
    await app.examine()
    calls = app.azure.calls
    assert calls[:2] == [f"GET {APP}", f"POST {APP}/config/appsettings/list"]
    assert calls.index(f"GET {TOPIC}/eventSubscriptions") < calls.index(f"POST {EVENTS}/getFullUrl")


async def test_who_is_not_signed_in_is_told_to_sign_in(app: Deployed) -> None:
    findings = await app.examine(NotSignedIn("AzureCliCredential: Please run 'az login'"))
    assert [(one.check, one.status) for one in findings] == [("app", WRONG)]
    assert "nobody is signed in to Azure" in findings[0].what
    assert "az login" in findings[0].remedy
    assert app.azure.calls == []


async def test_a_developer_without_tokens_for_storage_still_sees_the_app(
    app: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoTokens(Developer):
        async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
            raise ClientAuthenticationError(message="no credential")

    monkeypatch.setattr(azure.identity.aio, "DefaultAzureCredential", NoTokens)
    app.use_identity()
    findings = await app.examine()
    assert findings.of("functions").status is Status.FINE
    assert findings.of("identity").status is UNKNOWN
    assert findings.of("blobs").status is UNKNOWN


@pytest.mark.parametrize(
    ("size", "family"),
    [
        ("Standard_D2s_v5", "standarddsv5family"),
        ("Standard_D2_v2", "standarddv2family"),
        ("Standard_HB120rs_v3", "standardhbrsv3family"),
        ("STANDARD_NC6S_V3", "standardncsv3family"),
        ("small", ""),
    ],
)
def test_the_family_of_a_size_is_known(size: str, family: str) -> None:
    assert family_of(size) == family


def test_the_roles_are_those_that_the_infrastructure_gives() -> None:
    given = json.loads((INFRA / "roles.json").read_text())
    assert {name: number for name, number in IDS.items() if name in given} == {
        name: number for name, number in given.items() if name in IDS
    }
    assert len(IDS.keys() & given.keys()) == 7


async def test_azure_that_never_answers_does_not_hold_the_command_up(
    app: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchmgr.doctor.examine_app.SECONDS", 0.2)
    app.azure.silent = True
    findings = await app.examine()
    assert [(one.check, one.status) for one in findings] == [("app", WRONG)]
    assert "has not answered" in findings[0].what
