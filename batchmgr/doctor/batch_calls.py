"""The requests by which the doctor looks at a Batch account: none of them changes anything."""

import contextlib
from collections.abc import Collection
from typing import Any
from urllib.parse import quote

import msgspec
from azure.core.rest import HttpRequest

from batchmgr.adapters.batch_answers import NO_JOB, NO_POOL, SERVICE, decode, raise_for_status
from batchmgr.adapters.batch_calls import API_VERSION, CONTENT_TYPE
from batchmgr.adapters.batch_clients import BatchClient
from batchmgr.adapters.batch_pool_responses import NODE_FIELDS, NodeListResponse
from batchmgr.adapters.service_errors import service_errors
from batchmgr.errors import ServiceConflictError, ServiceNotFoundError, ServiceRefusedError
from batchmgr.model.batch_snapshots import NodeSnapshot

PROBE = "batchmgr-doctor-probe"
"""The id of a Batch job that does not exist."""

MOST_LISTED = 1000


class BatchCalls:
    """Reads a Batch account. All methods raise ServiceError."""

    def __init__(self, client: BatchClient) -> None:
        self._client = client

    async def try_jobs(self) -> None:
        """Read a job, and change one on a condition that nothing meets. There is no such job."""
        with contextlib.suppress(ServiceNotFoundError):
            await self._call("GET", f"/jobs/{PROBE}", missing=NO_JOB)
        try:
            await self._call(
                "PATCH", f"/jobs/{PROBE}", missing=NO_JOB, body=b"{}", headers={"If-Match": '"0x0"'}
            )
        except (ServiceNotFoundError, ServiceConflictError, ServiceRefusedError):
            return  # it is allowed, but there is no such job

    async def active_jobs(self) -> int:
        """Return how many jobs are active, a thousand at most."""
        found = await self._list("/jobs", **{"$filter": "state eq 'active'", "$select": "id"})
        return len(found)

    async def pool_ids(self) -> list[str]:
        """Return the ids of the pools."""
        return [str(pool["id"]) for pool in await self._list("/pools", **{"$select": "id"})]

    async def pool(self, pool_id: str) -> dict[str, Any]:
        """Return a pool. Raise ServiceNotFoundError if there is none."""
        found: dict[str, Any] = await self._call("GET", f"/pools/{quote(pool_id)}", missing=NO_POOL)
        return found

    async def nodes(self, pool_id: str) -> list[NodeSnapshot]:
        """Return the nodes of a pool, a thousand at most."""
        path = f"/pools/{quote(pool_id)}/nodes"
        page = await self._call("GET", path, missing=NO_POOL, query={"$select": NODE_FIELDS})
        return [node.to_model() for node in msgspec.convert(page, NodeListResponse).value]

    async def package_versions(self) -> dict[str, list[str]]:
        """Return the versions of each application package."""
        return {str(one["id"]): list(map(str, one["versions"])) for one in await self._list("/applications")}

    async def _list(self, path: str, **query: str) -> list[dict[str, Any]]:
        page = await self._call("GET", path, query={**query, "maxresults": str(MOST_LISTED)})
        found: list[dict[str, Any]] = page.get("value", [])
        return found

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        missing: Collection[str] = (),
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        request = HttpRequest(
            method,
            self._client.format_url(path),
            params={"api-version": API_VERSION, **(query or {})},
            content=body,
            headers={"Accept": CONTENT_TYPE, **(headers or {})},
        )
        if body is not None:
            request.headers["Content-Type"] = CONTENT_TYPE
        with service_errors(SERVICE):
            answer = await self._client.send_request(request)
            await raise_for_status(answer, missing)
        return decode(answer, dict)
