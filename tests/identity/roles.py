"""Takes roles and tokens away from identities, through the control API of the stand-in."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from batchmgr.devstack.identity_process import IdentityEndpoints

DAY = 86_400.0
"""How long tokens of managed identities last, in seconds."""

Assignments = Sequence[dict[str, Any]]


class Roles:
    """The roles of one identity, and everybody's tokens."""

    def __init__(self, identity: IdentityEndpoints, http: aiohttp.ClientSession, client_id: str) -> None:
        self.client_id = client_id
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

    async def confine_to_host(self, role: str) -> None:
        """Take a role on blobs away, except where the Functions host keeps its leases.

        The host ends if it can't renew a lease, and a renewal may fall into the time without the role.
        """
        await self.confine(role, "azure-webjobs-*")

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

    async def issued_tokens(self, resource: str) -> int:
        """Return how many tokens for a resource were issued to this identity."""
        async with self._http.get(f"{self._control}/tokens") as answer:
            facts = await answer.json()
        return sum(
            one["count"]
            for one in facts["issued"]
            if (one["clientId"], one["resource"].rstrip("/")) == (self.client_id, resource)
        )

    async def _put(self, path: str, body: object) -> None:
        async with self._http.put(f"{self._control}/{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()


@asynccontextmanager
async def changeable_roles(identity: IdentityEndpoints, client_id: str) -> AsyncIterator[Roles]:
    """What may be changed of an identity. At the end, everything is as before."""
    async with aiohttp.ClientSession() as http:
        roles = Roles(identity, http, client_id)
        before = await roles.now()
        yield roles
        await roles.assign(before)
        await roles.withhold_tokens()
        await roles.shorten_tokens(DAY)
