"""Reads Azure Resource Manager: JSON through the pipeline of azure-core, with its retries and tokens."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from azure.core import AsyncPipelineClient
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.core.pipeline.policies import AsyncBearerTokenCredentialPolicy, HeadersPolicy
from azure.core.rest import AsyncHttpResponse, HttpRequest

from batchmgr.adapters.bounded_clients import TRANSPORT, BatchRetry
from batchmgr.adapters.measured_calls import Calls
from batchmgr.adapters.service_errors import service_error, service_errors, why_no_token
from batchmgr.errors import ServiceAccessError
from batchmgr.telemetry_port import NoTelemetry

ENDPOINT = "https://management.azure.com"
SERVICE = "Azure Resource Manager"
MISSING = frozenset({"ResourceNotFound", "NotFound", "ResourceGroupNotFound", "SubscriptionNotFound"})
MOST_PAGES = 20
RESOURCES = "2021-04-01"


class ResourceManager:
    """Reads resources. All methods raise ServiceError."""

    def __init__(self, client: AsyncPipelineClient[HttpRequest, AsyncHttpResponse]) -> None:
        self._client = client

    async def get(self, path: str, version: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return a resource. Raise ServiceNotFoundError if there is none."""
        return await self._call("GET", path, {"api-version": version, **(query or {})})

    async def post(self, path: str, version: str) -> dict[str, Any]:
        """Return what an action tells, such as `…/getFullUrl`. Only actions that change nothing are used."""
        return await self._call("POST", path, {"api-version": version})

    async def list(
        self, path: str, version: str, query: Mapping[str, str] | None = None
    ) -> list[dict[str, Any]]:
        """Return all resources of a kind."""
        page = await self.get(path, version, query)
        found = list(page.get("value", []))
        for _ in range(MOST_PAGES):
            if not page.get("nextLink"):
                break
            page = await self._call("GET", str(page["nextLink"]), {})
            found += page.get("value", [])
        return found

    async def find(self, subscription: str, kind: str, name: str) -> str:
        """Return the resource id of what has this type and name in a subscription; "" if there is none."""
        query = {"$filter": f"resourceType eq '{kind}' and name eq '{name}'"}
        found = await self.list(f"/subscriptions/{subscription}/resources", RESOURCES, query)
        return str(found[0]["id"]) if found else ""

    async def _call(self, method: str, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        request = HttpRequest(method, path, params=dict(query) or None)
        request.url = self._client.format_url(request.url)
        with service_errors(SERVICE):
            try:
                answer = await self._client.send_request(request)
            except ClientAuthenticationError as error:
                if error.response is not None:
                    raise
                raise ServiceAccessError(
                    f"nobody is signed in to Azure: {why_no_token(error, 'AzureCli')}", code="NoToken"
                ) from error
            body = _object(answer)
        if answer.status_code < 400:
            return body
        told = body.get("error")
        told = told if isinstance(told, dict) else {}
        raise service_error(
            SERVICE,
            status=answer.status_code,
            code=str(told.get("code", "")),
            message=str(told.get("message", "")),
            missing=MISSING,
        )


@asynccontextmanager
async def open_resource_manager(
    credential: AsyncTokenCredential, *, endpoint: str = ENDPOINT, **options: Any
) -> AsyncIterator[ResourceManager]:
    """Open Azure Resource Manager for whom the credential is of. `options` are those of the transport."""
    policies = [
        HeadersPolicy(),
        BatchRetry(Calls("arm", NoTelemetry()), retry_total=3, retry_backoff_max=2),
        AsyncBearerTokenCredentialPolicy(credential, f"{ENDPOINT}/.default"),
    ]
    client: AsyncPipelineClient[HttpRequest, AsyncHttpResponse] = AsyncPipelineClient(
        endpoint, policies=policies, **TRANSPORT, **options
    )
    async with client:
        yield ResourceManager(client)


def _object(answer: AsyncHttpResponse) -> dict[str, Any]:
    try:
        found = answer.json() if answer.content else {}
    except ValueError:
        found = {}
    return found if isinstance(found, dict) else {}
