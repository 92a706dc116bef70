"""The Functions app in Azure: whether it runs, its functions, its identity, its references to secrets."""

import json
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import azure.functions as func

from batchmgr.doctor.finding import Finding, fine, unknown, warning, wrong
from batchmgr.doctor.remedies import Remedies
from batchmgr.doctor.resource_manager import ResourceManager
from batchmgr.errors import ServiceError
from batchmgr.functions import blueprints
from batchmgr.runtime import Runtime
from batchmgr.settings import STORAGE, Settings

VERSION = "2024-11-01"
HEALTH_SECONDS = 9.0
MENDS = "What is said of that point here mends it."
WITH_KEY = "Ask with a key:\n    curl -H 'x-functions-key: <key>'"
FORBIDDEN_ON_FLEX = frozenset(
    {
        "ENABLE_ORYX_BUILD",
        "FUNCTIONS_EXTENSION_VERSION",
        "FUNCTIONS_WORKER_RUNTIME",
        "FUNCTIONS_WORKER_RUNTIME_VERSION",
        "SCM_DO_BUILD_DURING_DEPLOYMENT",
        "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
        "WEBSITE_CONTENTSHARE",
        "WEBSITE_RUN_FROM_PACKAGE",
    }
)
"""Settings that Flex Consumption refuses: an app that was moved there may still have them."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """The app, as Azure Resource Manager has it."""

    id: str
    properties: Mapping[str, Any]
    identity: Mapping[str, Any]

    @property
    def subscription(self) -> str:
        """The id of its subscription."""
        return self.id.split("/")[2]

    @property
    def url(self) -> str:
        """Its URL."""
        return f"https://{self.properties.get('defaultHostName', '')}"

    @property
    def runs(self) -> bool:
        """Whether it is started."""
        return str(self.properties.get("state", "")) == "Running"

    def principal(self, client_id: str) -> str:
        """Return the object id of its identity with this client id, or of its own; "" if it has none."""
        if not client_id:
            return str(self.identity.get("principalId") or "")
        listed: Mapping[str, Mapping[str, str]] = self.identity.get("userAssignedIdentities") or {}
        return next(
            (one["principalId"] for one in listed.values() if one["clientId"].lower() == client_id.lower()),
            "",
        )


async def find_site(arm: ResourceManager, app_id: str) -> Site:
    """Return the app. Raise ServiceError."""
    found = await arm.get(app_id, VERSION)
    return Site(id=app_id, properties=found.get("properties", {}), identity=found.get("identity") or {})


async def read_app_settings(arm: ResourceManager, app_id: str) -> dict[str, str]:
    """Return the app's settings. Those that refer to a secret hold the reference. Raise ServiceError."""
    found = await arm.post(f"{app_id}/config/appsettings/list", VERSION)
    return {name: str(value) for name, value in found.get("properties", {}).items()}


def check_state(site: Site) -> Finding:
    """Return whether the app runs."""
    if site.runs:
        return fine("app", f"{site.url} runs")
    state = str(site.properties.get("state") or "in no known state").lower()
    return wrong(
        "app",
        f"the app is {state}: nothing happens to jobs",
        f"Start it:\n    az functionapp start --ids {shlex.quote(site.id)}",
    )


async def check_health(arm: ResourceManager, site: Site, http: aiohttp.ClientSession) -> list[Finding]:
    """Return what the app says of itself: it tries its own settings, identity and roles."""
    if not site.runs:
        return [unknown("health", "the app does not run")]
    key = await _function_key(arm, site)
    url = f"{site.url}/api/health" + ("/details" if key else "")
    headers = {"x-functions-key": key} if key else {}
    timeout = aiohttp.ClientTimeout(total=HEALTH_SECONDS)
    try:
        async with http.get(url, headers=headers, timeout=timeout, allow_redirects=False) as answer:
            status, text = answer.status, await answer.text()
    except (aiohttp.ClientError, TimeoutError) as error:
        return [
            warning(
                "health",
                f"{url} has not answered in {HEALTH_SECONDS:.0f} s ({type(error).__name__}): a first start "
                "takes a minute; access restrictions may keep this machine out",
                f"Try again:\n    curl --max-time 60 {url}",
            )
        ]
    try:
        told = json.loads(text)
        known = told["checks"] if key else _without_details(told["status"])
        checks = {str(name): str(state) for name, state in known.items() if state != "ok"}
        poison = {str(name): int(count) for name, count in told.get("poison", {}).items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        what = f"{url} answers {status}, but not as batchmgr does: the code has not started"
        return [wrong("health", what, _see_log(site))]
    level = wrong if status != 200 else warning
    findings = [
        level("health", f"the app says of {name}: {state}", MENDS if key else f"{WITH_KEY} {url}/details")
        for name, state in checks.items()
    ]
    if poison:
        listed = ", ".join(f"{name} {count}" for name, count in poison.items())
        remedy = "docs/operation.md says what they are. Callbacks that were given up:\n"
        remedy += f"    curl -H 'x-functions-key: <key>' {site.url}/api/dead-letters"
        findings.append(
            warning("poison", f"the app says that messages lie in poison queues: {listed}", remedy)
        )
    return findings or [fine("health", f"the app says that it is {told.get('status', 'healthy')}")]


async def _function_key(arm: ResourceManager, site: Site) -> str:
    """Return a function key, which shows the details; "" if there is none, or not for us."""
    try:
        keys = await arm.post(f"{site.id}/host/default/listkeys", VERSION)
    except ServiceError:
        return ""
    listed = keys.get("functionKeys") or {}
    return str(listed.get("default") or next(iter(listed.values()), ""))


def _without_details(status: str) -> Mapping[str, str]:
    well = status == "healthy"
    return (
        {} if well else {"itself": f"{status}. Its function keys, which show why, can't be listed from here"}
    )


async def check_functions(arm: ResourceManager, site: Site) -> list[Finding]:
    """Return whether Azure knows the functions of the code."""
    listed = await arm.list(f"{site.id}/functions", VERSION)
    names = {str(one["name"]).rpartition("/")[2] for one in listed}
    missing = sorted(expected_functions() - names)
    if not missing:
        return [fine("functions", f"all {len(expected_functions())} are there")]
    if not names:
        what = "the app has no function at all: its code was not deployed, or could not be indexed"
    else:
        what = f"the app has no function {', '.join(missing)}: other code was deployed, or an older version"
    return [wrong("functions", what, f"Deploy it again:\n    azd deploy\n{_see_log(site)}")]


def expected_functions() -> frozenset[str]:
    """Return the names of the functions of this version."""
    app = func.FunctionApp()
    for blueprint in blueprints(Runtime(Settings())):
        app.register_functions(blueprint)
    return frozenset(str(function.get_function_name()) for function in app.get_functions())


def check_app_identity(site: Site, settings: Settings) -> list[Finding]:
    """Return whether the app has the identity that its settings name."""
    check, client_id = "app identity", settings.identity_client_id
    if settings.storage_connection_string and settings.batch_key:
        return []
    if site.principal(client_id):
        return [fine(check, "the app has the identity that its settings name")]
    ids = shlex.quote(site.id)
    if client_id:
        return [
            wrong(
                check,
                f"the app does not have the identity with client id {client_id}, which "
                f"{STORAGE}__clientId names: it gets no tokens",
                "Give it that identity. The setting is a client id, not an object id:\n"
                f"    az functionapp identity assign --ids {ids} --identities <resource id of the identity>",
            )
        ]
    return [
        wrong(
            check,
            "the app has no identity of its own, and no key: it gets no tokens",
            f"Give it one:\n    az functionapp identity assign --ids {ids}",
        )
    ]


async def check_references(arm: ResourceManager, site: Site) -> list[Finding]:
    """Return whether the settings that refer to Key Vault were resolved."""
    listed = await arm.list(f"{site.id}/config/configreferences/appsettings", VERSION)
    broken = {
        str(one["name"]).rpartition("/")[2]: one["properties"]
        for one in listed
        if one["properties"].get("status") != "Resolved"
    }
    if not broken:
        return (
            [fine("secrets", f"all that refer to Key Vault are resolved ({len(listed)})")] if listed else []
        )
    url = f"{site.id}/config/configreferences/appsettings/refresh?api-version={VERSION}"
    refresh = f"    az rest --method post --url {shlex.quote(url)}"
    return [
        wrong(
            "secrets",
            f"{name} refers to Key Vault, and is not resolved: {properties.get('status')} "
            f"{properties.get('details') or ''}".rstrip(),
            "Does the secret exist, and has the app's identity the role Key Vault Secrets User on the "
            f"vault? Then:\n{refresh}",
        )
        for name, properties in broken.items()
    ]


def check_flex(site: Site, names: Collection[str], remedies: Remedies) -> list[Finding]:
    """Return which settings Flex Consumption refuses."""
    if str(site.properties.get("sku", "")) != "FlexConsumption":
        return []
    return [
        warning(
            "settings",
            f"{name} is refused on Flex Consumption: the next deployment fails",
            remedies.remove(name),
        )
        for name in sorted(FORBIDDEN_ON_FLEX & set(names))
    ]


def _see_log(site: Site) -> str:
    name = shlex.quote(site.id.rpartition("/")[2])
    return f"The log says why:\n    func azure functionapp logstream {name} --browser"
