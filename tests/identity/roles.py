"""Takes roles and tokens away from the app's identity, and waits until a job says what it lacks."""

from collections.abc import Sequence
from typing import Any

import aiohttp

from batchmgr.devstack.identity_process import IdentityEndpoints
from tests.integration.client import Client
from tests.integration.messages import Json
from tests.integration.wait_until import until

BATCH, BLOBS = "Azure Batch Data Contributor", "Storage Blob Data Owner"

Assignments = Sequence[dict[str, Any]]


class Roles:
    """The roles of the app's identity, changed through the control API of the stand-in."""

    def __init__(self, identity: IdentityEndpoints, http: aiohttp.ClientSession) -> None:
        self.client_id = identity.app_client_id
        self._control = f"{identity.url}/control"
        self._http = http

    async def now(self) -> Assignments:
        """Return the assignments as they are."""
        async with self._http.get(f"{self._control}/assignments/{self.client_id}") as answer:
            found: Assignments = await answer.json()
            return found

    async def assign(self, assignments: Assignments) -> None:
        """Replace all assignments."""
        await self._put(f"assignments/{self.client_id}", assignments)

    async def remove(self, role: str) -> None:
        """Take one role away."""
        await self.assign([one for one in await self.now() if one["role"] != role])

    async def confine(self, role: str, *containers: str) -> None:
        """Leave a role only on some containers."""
        await self.assign(
            [one | {"containers": containers} if one["role"] == role else one for one in await self.now()]
        )

    async def withhold_tokens(self, *resources: str) -> None:
        """Issue no tokens for these resources, and for all others again."""
        await self._put("tokens", {"withheld": resources})

    async def shorten_tokens(self, seconds: float) -> None:
        """Let new tokens last only so long."""
        await self._put("tokens", {"lifetime": seconds})

    async def _put(self, path: str, body: object) -> None:
        async with self._http.put(f"{self._control}/{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()


async def waits(client: Client, job_id: str) -> Json:
    """Wait until the job says what it waits for."""

    async def told() -> Json | None:
        return (await client.job(job_id)).get("waitingFor")

    return await until(told)
