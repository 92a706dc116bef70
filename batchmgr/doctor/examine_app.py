"""All checks of an app in Azure: what Azure Resource Manager knows, and what can be tried from here."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlsplit

import aiohttp
from azure.storage.blob import BlobServiceClient

from batchmgr.bootstrap import open_batch_client
from batchmgr.doctor import azure_app, azure_events, azure_roles, azure_topic
from batchmgr.doctor.azure_app import Site
from batchmgr.doctor.azure_batch_account import check_batch_in_azure
from batchmgr.doctor.batch_calls import BatchCalls
from batchmgr.doctor.check_endpoints import Now
from batchmgr.doctor.check_event_topic import CHECK as EVENT_TOPIC
from batchmgr.doctor.check_event_topic import topic_name
from batchmgr.doctor.check_settings import batch_account, check_settings
from batchmgr.doctor.check_telemetry import AUTHENTICATION, STRING
from batchmgr.doctor.examine import examine_settings, limited
from batchmgr.doctor.finding import Finding, Status, unknown, wrong
from batchmgr.doctor.read_settings import FoundSettings
from batchmgr.doctor.remedies import BATCH, INSIGHTS, STORAGE, TOPIC, Remedies
from batchmgr.doctor.resource_manager import ResourceManager
from batchmgr.errors import ServiceAccessError, ServiceError, ServiceNotFoundError
from batchmgr.settings import Settings
from batchmgr.telemetry_port import NoTelemetry

COMPONENT = "Application Insights"
INSIGHTS_VERSION = "2020-02-02"
POOL_CHECKS = frozenset({"pool", "nodes", "node identity"})
SECONDS = 10.0
"""How long it may take to find the app, its settings and its accounts."""


@dataclass(frozen=True, kw_only=True)
class App:
    """An app that was found, with its settings, and the names of the accounts that they are about."""

    site: Site
    values: Mapping[str, str]
    settings: Settings
    names: "Names"
    remedies: Remedies

    def scope(self, kind: str, name: str) -> str:
        """Return the resource id of what has this type and name, if it was found in the subscription."""
        return self.remedies.scopes.get((kind, name), "")


@dataclass(frozen=True, kw_only=True)
class Names:
    """The names of the accounts that settings are about. An empty one is not used."""

    storage: str
    data: str
    batch: str
    topic: str

    @property
    def by_type(self) -> list[tuple[str, str]]:
        """Return each with its type."""
        listed = [(STORAGE, self.storage), (STORAGE, self.data), (BATCH, self.batch), (TOPIC, self.topic)]
        return [(kind, name) for kind, name in listed if name]


async def examine_app(
    arm: ResourceManager, http: aiohttp.ClientSession, app_id: str, now: Now = time.time
) -> list[Finding]:
    """Look at an app, and return all findings. Nothing is raised, and nothing changed."""
    try:
        async with asyncio.timeout(SECONDS):
            app = await _find(arm, app_id)
    except TimeoutError:
        what = f"Azure Resource Manager has not answered in {SECONDS:.0f} s"
        return [wrong("app", what, "Wait, and look again. Does this machine need a proxy (HTTPS_PROXY)?")]
    except ServiceError as error:
        return [_no_app(app_id, error)]
    site, remedies = app.site, app.remedies
    found = FoundSettings(environment=app.values, listed=frozenset(app.values), source=remedies.source)
    tried, *known = await asyncio.gather(
        examine_settings(found, remedies, now),
        limited("health", azure_app.check_health(arm, site, http)),
        limited("functions", azure_app.check_functions(arm, site)),
        limited("secrets", azure_app.check_references(arm, site)),
        limited("roles", _roles(arm, app)),
        limited("event grid", _events(arm, app)),
        limited("batch", _batch(arm, app)),
        limited(EVENT_TOPIC, _topic(arm, app)),
    )
    findings = [
        azure_app.check_state(site),
        *azure_app.check_app_identity(site, app.settings),
        *azure_app.check_flex(site, app.values, remedies),
    ]
    return _merged(findings + [one for ones in known for one in ones], tried)


async def _find(arm: ResourceManager, app_id: str) -> App:
    site = await azure_app.find_site(arm, app_id)
    values = await azure_app.read_app_settings(arm, app_id)
    remedies = Remedies(app_id=app_id, source="the app's settings")
    settings, _ = check_settings(values, (), remedies)
    names = _names(settings)
    scopes = await _scopes(arm, site, names, values)
    return App(
        site=site, values=values, settings=settings, names=names, remedies=replace(remedies, scopes=scopes)
    )


def _merged(known: list[Finding], tried: list[Finding]) -> list[Finding]:
    """Return all findings, and say once what both places tell.

    Azure Batch knows more of a pool, because it has the nodes; Azure Resource Manager knows more of packages.
    """
    known = [one for one in known if one.check not in POOL_CHECKS & _seen(tried)]
    seen = _seen(known)
    return known + [
        one
        for one in tried
        if not (one.check == "packages" and one.check in seen)
        and not (one.check in POOL_CHECKS and one.status is Status.UNKNOWN and one.check in seen)
    ]


def _seen(findings: list[Finding]) -> set[str]:
    return {one.check for one in findings if one.status is not Status.UNKNOWN}


def _no_app(app_id: str, error: ServiceError) -> Finding:
    """Return why the app can't be read, or its settings."""
    if isinstance(error, ServiceNotFoundError):
        return wrong(
            "app",
            f"there is no app {app_id}",
            "Is it another subscription or group? The resource id of an app that azd has made:\n"
            "    azd env get-value BATCHMGR_FUNCTION_APP_ID",
        )
    if error.code == "NoToken":
        return wrong("app", str(error), "Sign in:\n    az login")
    if isinstance(error, ServiceAccessError):
        return wrong(
            "app",
            f"you may not read the app and its settings: {error}",
            "Somebody must give you a role that may, on its resource group:\n    az role assignment create "
            f"--assignee <you> --role 'Website Contributor' --scope {app_id.partition('/providers/')[0]}",
        )
    return wrong("app", str(error), "Wait, and look again.")


def _names(settings: Settings) -> Names:
    """Return the names of the accounts. What is used with a key is among them."""
    return Names(
        storage=_account(settings.storage_connection_string, settings.blob_service_uri),
        data=_account(settings.data_connection_string, settings.data_service_uri),
        batch=batch_account(settings),
        topic=topic_name(settings.event_topic),
    )


def _account(connection_string: str, service_uri: str) -> str:
    """Return the name of a storage account."""
    if not connection_string:
        return (urlsplit(service_uri).hostname or "").partition(".")[0]
    try:
        return str(BlobServiceClient.from_connection_string(connection_string).account_name)
    except ValueError:
        return ""


async def _scopes(
    arm: ResourceManager, site: Site, names: Names, values: Mapping[str, str]
) -> dict[tuple[str, str], str]:
    """Return the resource ids that are found in the app's subscription, by type and name."""

    async def find(kind: str, name: str) -> str:
        try:
            return await arm.find(site.subscription, kind, name)
        except ServiceError:
            return ""

    keys = names.by_type
    found = await asyncio.gather(*(find(*key) for key in keys), _insights(arm, site, values))
    return {key: one for key, one in zip([*keys, (INSIGHTS, COMPONENT)], found, strict=True) if one}


async def _insights(arm: ResourceManager, site: Site, values: Mapping[str, str]) -> str:
    """Return the resource id of the Application Insights that the connection string is of, or ""."""
    key = parse_qs(values.get(STRING, ""), separator=";").get("InstrumentationKey", [""])[0]
    if not key:
        return ""
    path = f"/subscriptions/{site.subscription}/providers/{INSIGHTS}"
    try:
        listed = await arm.list(path, INSIGHTS_VERSION)
    except ServiceError:
        return ""
    return next(
        (str(one["id"]) for one in listed if one.get("properties", {}).get("InstrumentationKey") == key), ""
    )


async def _roles(arm: ResourceManager, app: App) -> list[Finding]:
    listed = azure_roles.needs(
        storage="" if app.settings.storage_connection_string else app.names.storage,
        data="" if app.settings.data_connection_string else app.names.data,
        batch="" if app.settings.batch_key else app.names.batch,
        insights=COMPONENT if AUTHENTICATION in app.values else "",
        topic=app.names.topic,
    )
    principal = app.site.principal(app.settings.identity_client_id)
    if listed and not principal:
        return [unknown("roles", "the app has no identity")]
    of_app = replace(app.remedies, assignee=principal)
    return list(
        await asyncio.gather(*(azure_roles.check_role(arm, need, principal, of_app) for need in listed))
    )


async def _events(arm: ResourceManager, app: App) -> list[Finding]:
    if app.settings.blob_source != "EventGrid":
        return []
    storage = app.scope(STORAGE, app.names.storage)
    if not storage:
        return [unknown("event grid", "the storage account was not found in the app's subscription")]
    return await azure_events.check_events(arm, app.site, storage)


async def _topic(arm: ResourceManager, app: App) -> list[Finding]:
    if not app.settings.event_topic:
        return []
    topic = app.scope(TOPIC, app.names.topic)
    if not topic:
        return [unknown(EVENT_TOPIC, f"{app.names.topic} was not found in the app's subscription")]
    return await azure_topic.check_schema(arm, topic)


async def _batch(arm: ResourceManager, app: App) -> list[Finding]:
    account = app.scope(BATCH, app.names.batch)
    if not account:
        return [unknown("batch", "the Batch account was not found in the app's subscription")]

    async def active_jobs() -> int:
        async with AsyncExitStack() as stack:
            client = await open_batch_client(app.settings, stack, NoTelemetry())
            return await BatchCalls(client).active_jobs()

    return await check_batch_in_azure(arm, account, app.settings, active_jobs)
