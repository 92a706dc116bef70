"""A stand-in of Azure over https: Resource Manager with an app that is well, and the app itself."""

import asyncio
import ssl
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from batchmgr.doctor.azure_app import expected_functions
from batchmgr.doctor.azure_events import CREATED, FUNCTION, SUBJECT
from batchmgr.doctor.azure_roles import IDS
from fakebatch.tls import make_certificate, server_context

SUBSCRIPTION = "/subscriptions/0000"
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg-batch/providers"
APP = f"{GROUP}/Microsoft.Web/sites/func-x"
STORAGE = f"{GROUP}/Microsoft.Storage/storageAccounts/"
BATCH = f"{GROUP}/Microsoft.Batch/batchAccounts/devbatchaccount"
TOPIC = f"{GROUP}/Microsoft.EventGrid/systemTopics/evgt-x"
EVENT_TOPIC = f"{GROUP}/Microsoft.EventGrid/topics/job-events"
EVENTS = f"{TOPIC}/eventSubscriptions/batchmgr-finalize"
IDENTITY = f"{GROUP}/Microsoft.ManagedIdentity/userAssignedIdentities/id-app"
NODES = f"{GROUP}/Microsoft.ManagedIdentity/userAssignedIdentities/id-nodes"
CLIENT_ID, PRINCIPAL = "11111111-0000-0000-0000-000000000000", "22222222-0000-0000-0000-000000000000"

Json = dict[str, Any]


@dataclass
class Azure:
    """The resources by path, lists included, what actions tell, and the calls so far."""

    settings: dict[str, str]
    storage: str
    """The name of the storage account."""
    host: str = ""
    certificate: Path = Path()
    resources: dict[str, Any] = field(default_factory=dict)
    actions: dict[str, Any] = field(default_factory=dict)
    health: tuple[int, Any] = (200, {"status": "healthy", "checks": {"storage": "ok", "batch": "ok"}})
    faults: dict[str, deque[web.Response]] = field(default_factory=lambda: defaultdict(deque))
    calls: list[str] = field(default_factory=list)
    silent: bool = False
    """Whether no call is answered."""

    @property
    def storage_id(self) -> str:
        """The resource id of the storage account."""
        return STORAGE + self.storage

    @property
    def data_id(self) -> str:
        """The resource id of the storage account for data."""
        return f"{STORAGE}{self.storage}data"

    def fill(self) -> None:
        """Make everything as a deployment leaves it."""
        self.actions = {
            f"{APP}/config/appsettings/list": {"properties": self.settings},
            f"{APP}/host/default/listkeys": {"masterKey": "m", "functionKeys": {"default": "a-key"}},
            f"{EVENTS}/getFullUrl": {
                "endpointUrl": f"https://{self.host}/runtime/webhooks/blobs?functionName={FUNCTION}&code=secret"
            },
        }
        self.resources = {
            APP: {
                "properties": {"state": "Running", "defaultHostName": self.host, "sku": "FlexConsumption"},
                "identity": {
                    "userAssignedIdentities": {IDENTITY: {"principalId": PRINCIPAL, "clientId": CLIENT_ID}}
                },
            },
            f"{APP}/functions": [{"name": f"func-x/{name}"} for name in sorted(expected_functions())],
            f"{APP}/config/configreferences/appsettings": [
                {"name": "BATCHMGR_CALLBACK_KEY", "properties": {"status": "Resolved"}}
            ],
            f"{SUBSCRIPTION}/providers/Microsoft.EventGrid/systemTopics": [
                {"id": TOPIC, "name": "evgt-x", "properties": {"source": self.storage_id}}
            ],
            f"{TOPIC}/eventSubscriptions": [
                {
                    "id": EVENTS,
                    "name": "batchmgr-finalize",
                    "properties": {
                        "provisioningState": "Succeeded",
                        "filter": {
                            "includedEventTypes": [CREATED],
                            "subjectBeginsWith": SUBJECT,
                            "subjectEndsWith": ".json",
                        },
                    },
                }
            ],
            f"{TOPIC}/providers/Microsoft.Insights/metrics": [
                {"name": {"value": "DeliveryAttemptFailCount"}, "timeseries": [{"data": [{"total": 0.0}]}]}
            ],
            BATCH: {
                "properties": {
                    "activeJobAndJobScheduleQuota": 100,
                    "allowedAuthenticationModes": ["AAD", "SharedKey"],
                    "dedicatedCoreQuota": 20,
                    "dedicatedCoreQuotaPerVMFamilyEnforced": True,
                    "dedicatedCoreQuotaPerVMFamily": [{"name": "standardDSv5Family", "coreQuota": 20}],
                }
            },
            f"{BATCH}/pools": [self.pool()],
            f"{BATCH}/pools/local": self.pool(),
            f"{BATCH}/applications": [],
            f"{self.storage_id}/providers/Microsoft.Authorization/roleAssignments": [
                assignment("Storage Blob Data Owner", self.storage_id),
                assignment("Storage Queue Data Contributor", self.storage_id),
            ],
            f"{self.data_id}/providers/Microsoft.Authorization/roleAssignments": [
                assignment("Storage Blob Data Contributor", self.data_id)
            ],
            f"{BATCH}/providers/Microsoft.Authorization/roleAssignments": [
                assignment("Azure Batch Data Contributor", BATCH)
            ],
            EVENT_TOPIC: {"properties": {"inputSchema": "CloudEventSchemaV1_0"}},
            f"{EVENT_TOPIC}/providers/Microsoft.Authorization/roleAssignments": [
                assignment("EventGrid Data Sender", EVENT_TOPIC)
            ],
        }

    def pool(self) -> Json:
        """Return the pool `local`, as Azure Resource Manager has it."""
        return {
            "name": "local",
            "identity": {"userAssignedIdentities": {NODES: {}}},
            "properties": {
                "vmSize": "Standard_D2s_v5",
                "allocationState": "Steady",
                "currentDedicatedNodes": 1,
                "scaleSettings": {"fixedScale": {"targetDedicatedNodes": 1}},
            },
        }

    def fail(self, path: str, status: int, code: str, *, times: int = 1, wait: str = "") -> None:
        """Answer the next calls of a path with an error."""
        for _ in range(times):
            body = {"error": {"code": code, "message": "made by the test"}}
            headers = {"Retry-After": wait} if wait else {}
            self.faults[path].append(web.json_response(body, status=status, headers=headers))

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one call."""
        path = request.path
        self.calls.append(f"{request.method} {path}")
        if self.silent:
            await asyncio.Event().wait()
        if path == "/api/health":
            status, body = self.health
            told = {"status": body["status"]} if isinstance(body, dict) else body
            return web.json_response(told, status=status)
        if path == "/api/health/details":
            if request.headers.get("x-functions-key") != "a-key":
                return web.Response(status=401)
            status, body = self.health
            return web.json_response(body, status=status)
        if request.headers.get("Authorization") != "Bearer token":
            return _error(401, "AuthenticationFailed")
        if "api-version" not in request.query:
            return _error(400, "MissingApiVersionParameter")
        if self.faults[path]:
            return self.faults[path].popleft()
        if path == f"{SUBSCRIPTION}/resources":
            return web.json_response({"value": self._named(request.query["$filter"])})
        found = (self.actions if request.method == "POST" else self.resources).get(path)
        if found is None:
            return _error(404, "ResourceNotFound")
        return web.json_response({"value": found} if isinstance(found, list) else found)

    def _named(self, condition: str) -> list[Json]:
        known = [self.storage_id, self.data_id, BATCH, EVENT_TOPIC]
        return [{"id": one} for one in known if condition.endswith(f"name eq '{one.rpartition('/')[2]}'")]


def assignment(role: str, scope: str) -> Json:
    """Return a role assignment of the app's identity."""
    definition = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{IDS[role]}"
    return {"properties": {"roleDefinitionId": definition, "scope": scope, "principalId": PRINCIPAL}}


@asynccontextmanager
async def serving_azure(directory: Path, azure: Azure) -> AsyncIterator[Azure]:
    """Serve it on a free port, with a certificate of its own."""
    azure.certificate = make_certificate(directory, "127.0.0.1")
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", azure.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        context: ssl.SSLContext = server_context(azure.certificate)
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        azure.host = f"127.0.0.1:{runner.addresses[0][1]}"
        azure.fill()
        yield azure
    finally:
        await runner.cleanup()


def _error(status: int, code: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": "not there"}}, status=status)
