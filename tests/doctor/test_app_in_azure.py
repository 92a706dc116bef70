"""An app in Azure: against a stand-in of Resource Manager, with Azurite and the fake Batch as accounts."""

import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import azure.identity.aio
import pytest
from azure.batch import models
from azure.core.credentials import AccessToken, AccessTokenInfo
from azure.core.exceptions import ClientAuthenticationError

from batchmgr.doctor.azure_batch_account import family_of
from batchmgr.doctor.azure_roles import IDS
from batchmgr.doctor.examine_app import examine_app
from batchmgr.doctor.finding import Status
from batchmgr.doctor.resource_manager import open_resource_manager
from tests.doctor.azure import (
    APP,
    BATCH,
    CLIENT_ID,
    EVENTS,
    NODES,
    PRINCIPAL,
    SUBSCRIPTION,
    TOPIC,
    Azure,
    assignment,
    serving_azure,
)
from tests.doctor.conftest import Findings, SetUp
from tests.infra.bicep import INFRA
from tests.packaging.credentials import NotSignedIn

WRONG, WARNING, UNKNOWN = Status.WRONG, Status.WARNING, Status.UNKNOWN
INSIGHTS = f"{SUBSCRIPTION}/resourceGroups/rg-batch/providers/Microsoft.Insights/components/appi-x"
GUID = "00000000-0000-0000-0000-000000000001"


class Developer:
    """The credential of a developer, who gets tokens for everything."""

    def __init__(self, **_: object) -> None: ...

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        return AccessToken("token", 4_000_000_000)

    async def get_token_info(self, *scopes: str, **_: Any) -> AccessTokenInfo:
        return AccessTokenInfo("token", 4_000_000_000)

    async def close(self) -> None: ...

    async def __aenter__(self) -> "Developer":
        return self

    async def __aexit__(self, *_: object) -> None: ...


@dataclass
class Deployed:
    """An app in Azure, and the accounts that its settings name."""

    azure: Azure
    set_up: SetUp

    async def examine(self, credential: Any = None) -> Findings:
        verify = str(self.azure.certificate)
        trust = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=verify))
        endpoint = f"https://{self.azure.host}"
        async with (
            open_resource_manager(
                credential or Developer(), endpoint=endpoint, connection_verify=verify
            ) as arm,
            aiohttp.ClientSession(connector=trust) as http,
        ):
            return Findings(await examine_app(arm, http, APP))

    def use_identity(self) -> None:
        """Let the app use its identity in place of keys. Its accounts can't be reached from here."""
        for name in ("AzureWebJobsStorage", "BATCHMGR_BATCH_KEY", "BATCHMGR_BATCH_ACCOUNT"):
            del self.set_up.environment[name]
        account = self.azure.storage
        self.set_up.environment |= {
            "AzureWebJobsStorage__blobServiceUri": f"https://{account}.blob.invalid",
            "AzureWebJobsStorage__queueServiceUri": f"https://{account}.queue.invalid",
            "AzureWebJobsStorage__credential": "managedidentity",
            "AzureWebJobsStorage__clientId": CLIENT_ID,
            "BATCHMGR_BATCH_ENDPOINT": "https://devbatchaccount.westeurope.batch.azure.invalid",
        }


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
    assert posts == {f"POST {APP}/config/appsettings/list", f"POST {EVENTS}/getFullUrl"}
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


Step = Callable[[Deployed], Awaitable[None] | None]


@dataclass(frozen=True, kw_only=True)
class Broken:
    """How an app is broken, and what is to be said."""

    by: Step
    check: str
    what: tuple[str, ...]
    remedy: tuple[str, ...]
    status: Status = WRONG


def resource(path: str, value: object) -> Step:
    def step(app: Deployed) -> None:
        app.azure.resources[path] = value

    return step


def stop(app: Deployed) -> None:
    app.azure.resources[APP]["properties"]["state"] = "Stopped"


def set_filter(**changes: object) -> Step:
    def step(app: Deployed) -> None:
        app.azure.resources[f"{TOPIC}/eventSubscriptions"][0]["properties"]["filter"] |= changes

    return step


def webhook(old: str, new: str) -> Step:
    def step(app: Deployed) -> None:
        told = app.azure.actions[f"{EVENTS}/getFullUrl"]
        told["endpointUrl"] = told["endpointUrl"].replace(old, new)

    return step


def account(**changes: object) -> Step:
    def step(app: Deployed) -> None:
        app.azure.resources[BATCH]["properties"] |= changes

    return step


def health(status: int, body: object) -> Step:
    def step(app: Deployed) -> None:
        app.azure.health = (status, body)

    return step


def setting(name: str, value: str) -> Step:
    def step(app: Deployed) -> None:
        app.set_up.environment[name] = value

    return step


def without_role(role: str) -> Step:
    def step(app: Deployed) -> None:
        app.use_identity()
        for path, listed in app.azure.resources.items():
            if path.endswith("/roleAssignments"):
                app.azure.resources[path] = [
                    one for one in listed if not one["properties"]["roleDefinitionId"].endswith(IDS[role])
                ]

    return step


def role_on_a_container(app: Deployed) -> None:
    app.use_identity()
    path = f"{app.azure.storage_id}/providers/Microsoft.Authorization/roleAssignments"
    confined = f"{app.azure.storage_id}/blobServices/default/containers/batchmgr-jobs"
    app.azure.resources[path][0] = assignment("Storage Blob Data Owner", confined)


def another_identity(app: Deployed) -> None:
    app.use_identity()
    app.set_up.environment["AzureWebJobsStorage__clientId"] = GUID


async def one_active_job_of_one(app: Deployed) -> None:
    job = models.BatchJobCreateOptions(id="j", pool_info=models.BatchPoolInfo(pool_id="local"))
    await app.set_up.batch.create_job(job)
    app.azure.resources[BATCH]["properties"]["activeJobAndJobScheduleQuota"] = 1


def pool_without_the_identity_of_nodes(app: Deployed) -> None:
    app.azure.resources[f"{BATCH}/pools/local"]["identity"] = None
    app.set_up.environment["BATCHMGR_NODE_IDENTITY"] = NODES


def telemetry_without_its_role(app: Deployed) -> None:
    app.set_up.environment |= {
        "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": "true",
        "APPLICATIONINSIGHTS_CONNECTION_STRING": f"InstrumentationKey={GUID}",
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": f"ClientId={CLIENT_ID};Authorization=AAD",
    }
    components = [{"id": INSIGHTS, "properties": {"InstrumentationKey": GUID}}]
    app.azure.resources[f"{SUBSCRIPTION}/providers/Microsoft.Insights/components"] = components
    app.azure.resources[f"{INSIGHTS}/providers/Microsoft.Authorization/roleAssignments"] = []


def several(*steps: Step) -> Step:
    def step(app: Deployed) -> None:
        for one in steps:
            one(app)

    return step


BROKEN = {
    "no such app": Broken(
        by=lambda app: app.azure.resources.pop(APP),
        check="app",
        what=(f"there is no app {APP}",),
        remedy=("azd env get-value BATCHMGR_FUNCTION_APP_ID",),
    ),
    "no right to read it": Broken(
        by=lambda app: app.azure.fail(APP, 403, "AuthorizationFailed"),
        check="app",
        what=("you may not read the app", "AuthorizationFailed"),
        remedy=("az role assignment create --assignee <you>", f"--scope {APP.partition('/providers')[0]}"),
    ),
    "a stopped app": Broken(
        by=stop, check="app", what=("the app is stopped",), remedy=(f"az functionapp start --ids {APP}",)
    ),
    "no function at all": Broken(
        by=resource(f"{APP}/functions", []),
        check="functions",
        what=("no function at all", "could not be indexed"),
        remedy=("azd deploy", "func azure functionapp logstream func-x"),
    ),
    "a function that is missing": Broken(
        by=lambda app: app.azure.resources[f"{APP}/functions"].remove({"name": "func-x/finalize_job"}),
        check="functions",
        what=("the app has no function finalize_job",),
        remedy=("azd deploy",),
    ),
    "an app that says what is wrong": Broken(
        by=health(503, {"status": "unhealthy", "checks": {"storage": "ok", "batch": "403 for the identity"}}),
        check="health",
        what=("the app says of batch: 403 for the identity",),
        remedy=("mends it",),
    ),
    "poison messages that only the app may see": Broken(
        by=health(
            200,
            {"status": "healthy", "checks": {"storage": "ok"}, "poison": {"batchmgr-callbacks-poison": 3}},
        ),
        check="poison",
        status=WARNING,
        what=("batchmgr-callbacks-poison 3",),
        remedy=("/api/dead-letters",),
    ),
    "callbacks to the app's own machine": Broken(
        by=several(lambda app: app.use_identity(), setting("BATCHMGR_ALLOW_LOOPBACK_CALLBACKS", "true")),
        check="callbacks",
        status=WARNING,
        what=("BATCHMGR_ALLOW_LOOPBACK_CALLBACKS is true in Azure",),
        remedy=("az functionapp config appsettings delete",),
    ),
    "no role on Application Insights": Broken(
        by=several(lambda app: app.use_identity(), telemetry_without_its_role),
        check="roles",
        what=("lacks the role Monitoring Metrics Publisher on Application Insights",),
        remedy=(f"--role 'Monitoring Metrics Publisher' --scope {INSIGHTS}",),
    ),
    "other code": Broken(
        by=health(404, "nothing here"),
        check="health",
        what=("answers 404, but not as batchmgr does",),
        remedy=("func azure functionapp logstream func-x",),
    ),
    "a key that was not found": Broken(
        by=resource(
            f"{APP}/config/configreferences/appsettings",
            [
                {
                    "name": "BATCHMGR_CALLBACK_KEY",
                    "properties": {"status": "SecretNotFound", "details": "The secret was not found."},
                }
            ],
        ),
        check="secrets",
        what=("BATCHMGR_CALLBACK_KEY refers to Key Vault, and is not resolved: SecretNotFound",),
        remedy=("Key Vault Secrets User", "az rest --method post"),
    ),
    "an identity that the app does not have": Broken(
        by=another_identity,
        check="app identity",
        what=(f"does not have the identity with client id {GUID}",),
        remedy=(f"az functionapp identity assign --ids {APP}", "not an object id"),
    ),
    "no role on blobs": Broken(
        by=without_role("Storage Blob Data Owner"),
        check="roles",
        what=("the app's identity lacks the role Storage Blob Data Owner",),
        remedy=(f"--assignee {PRINCIPAL} --role 'Storage Blob Data Owner' --scope {SUBSCRIPTION}/",),
    ),
    "no role on queues": Broken(
        by=without_role("Storage Queue Data Contributor"),
        check="roles",
        what=("the app's identity lacks the role Storage Queue Data Contributor",),
        remedy=(f"--assignee {PRINCIPAL} --role 'Storage Queue Data Contributor'",),
    ),
    "no role on Batch": Broken(
        by=without_role("Azure Batch Data Contributor"),
        check="roles",
        what=("lacks the role Azure Batch Data Contributor on devbatchaccount",),
        remedy=(f"--scope {BATCH}",),
    ),
    "a role on one container": Broken(
        by=role_on_a_container,
        check="roles",
        what=("only on a part", "/containers/batchmgr-jobs"),
        remedy=("--role 'Storage Blob Data Owner'",),
    ),
    "no system topic": Broken(
        by=resource(f"{SUBSCRIPTION}/providers/Microsoft.EventGrid/systemTopics", []),
        check="event grid",
        what=("no Event Grid system topic", "half a minute later"),
        remedy=("azd provision",),
    ),
    "no event subscription": Broken(
        by=resource(f"{TOPIC}/eventSubscriptions", []),
        check="event grid",
        what=("no event subscription is about blobs in batchmgr-finalize",),
        remedy=("azd hooks run postdeploy",),
    ),
    "a wrong function in the webhook": Broken(
        by=webhook("finalize_job", "finalise_job"),
        check="event grid",
        what=("calls the function 'Host.Functions.finalise_job'", "drops every event"),
        remedy=("It must be Host.Functions.finalize_job", "azd hooks run postdeploy"),
    ),
    "a webhook of another app": Broken(
        by=webhook("127.0.0.1", "old-app.azurewebsites.net"),
        check="event grid",
        what=("calls old-app.azurewebsites.net",),
        remedy=("azd hooks run postdeploy",),
    ),
    "a filter that lets nothing through": Broken(
        by=set_filter(subjectEndsWith=".txt"),
        check="event grid",
        what=("lets no finalize blob through", ".txt"),
        remedy=("azd hooks run postdeploy",),
    ),
    "a filter of other events": Broken(
        by=set_filter(includedEventTypes=["Microsoft.Storage.BlobDeleted"]),
        check="event grid",
        what=("leaves out Microsoft.Storage.BlobCreated",),
        remedy=("azd hooks run postdeploy",),
    ),
    "deliveries that fail": Broken(
        by=resource(
            f"{TOPIC}/providers/Microsoft.Insights/metrics",
            [{"name": {"value": "DeliveryAttemptFailCount"}, "timeseries": [{"data": [{"total": 7}]}]}],
        ),
        check="deliveries",
        status=WARNING,
        what=("DeliveryAttemptFailCount 7",),
        remedy=("azd hooks run postdeploy",),
    ),
    "a full quota of jobs": Broken(
        by=one_active_job_of_one,
        check="quota of jobs",
        what=("1 of 1 active jobs: the quota is used up",),
        remedy=("az batch job list", "Quotas"),
    ),
    "a quota of no cores": Broken(
        by=account(dedicatedCoreQuotaPerVMFamily=[{"name": "standardDSv5Family", "coreQuota": 0}]),
        check="quota of cores",
        what=("the quota of cores for Standard_D2s_v5 is 0: the pool local gets no node",),
        remedy=("Quotas", "az batch account show --name devbatchaccount --resource-group rg-batch"),
    ),
    "an account that takes no keys": Broken(
        by=account(allowedAuthenticationModes=["AAD"]),
        check="batch",
        what=("takes no keys, and BATCHMGR_BATCH_KEY is set",),
        remedy=("Remove BATCHMGR_BATCH_KEY",),
    ),
    "a pool without the nodes' identity": Broken(
        by=pool_without_the_identity_of_nodes,
        check="node identity",
        what=("does not have the identity of BATCHMGR_NODE_IDENTITY", "It has: none"),
        remedy=("azd provision",),
    ),
    "a setting that Flex refuses": Broken(
        by=setting("WEBSITE_RUN_FROM_PACKAGE", "1"),
        check="settings",
        status=WARNING,
        what=("WEBSITE_RUN_FROM_PACKAGE is refused on Flex Consumption",),
        remedy=(f"az functionapp config appsettings delete --ids {APP}",),
    ),
    "a pool that does not exist": Broken(
        by=setting("BATCHMGR_POOL_ID", "hpc"),
        check="pool",
        what=("there is no pool 'hpc'",),
        remedy=(f"az functionapp config appsettings set --ids {APP} --settings BATCHMGR_POOL_ID=local",),
    ),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_app_is_explained(app: Deployed, name: str) -> None:
    broken = BROKEN[name]
    made = broken.by(app)
    if isinstance(made, Awaitable):
        await made
    findings = await app.examine()
    found = findings.of(broken.check)
    told = f"{found.status} {found.what}\n{found.remedy}"
    assert found.status is broken.status, told
    assert [part for part in broken.what if part not in found.what] == [], told
    assert [part for part in broken.remedy if part not in found.remedy] == [], told
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
    assert len(IDS.keys() & given.keys()) == 5


async def test_azure_that_never_answers_does_not_hold_the_command_up(
    app: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchmgr.doctor.examine_app.SECONDS", 0.2)
    app.azure.silent = True
    findings = await app.examine()
    assert [(one.check, one.status) for one in findings] == [("app", WRONG)]
    assert "has not answered" in findings[0].what
