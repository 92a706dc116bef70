"""Where apps and nodes get their tokens, and where tests say who gets none.

- `GET /msi/token`: App Service's, for the identities of apps, with the header `X-IDENTITY-HEADER`.
- `GET /metadata/identity/oauth2/token`: a virtual machine's, for the identities of nodes.
- `PUT /control/tokens`: `{"lifetime": 3600}` in seconds, `{"withheld": ["https://storage.azure.com"]}`,
  `{"busy": [429, 500]}`: with what the next requests for a token are answered, in place of one.
- `GET /control/tokens`: the same, and how many tokens were `issued` to whom for which resource.
- `GET`, `PUT /control/assignments/{clientId}`: the roles of an identity.

Sources: https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
"""

import secrets
import time
from collections import Counter
from typing import Any, Final

from aiohttp import web

from fakeidentity import tokens
from fakeidentity.identities import Directory, Identity, assignments_of, shown

APP_PATH: Final = "/msi/token"
NODE_PATH: Final = "/metadata/identity/oauth2/token"
_APP_VERSION: Final = "2019-08-01"
_LIFETIME_S: Final = 86_400.0


class TokenEndpoints:
    """Issues the tokens. `header` is the secret of the app's environment, `IDENTITY_HEADER`."""

    def __init__(self, directory: Directory) -> None:
        self.header = secrets.token_hex(16)
        self._directory = directory
        self._withheld: frozenset[str] = frozenset()
        self._lifetime = _LIFETIME_S
        self._busy: list[int] = []
        self._issued: Counter[tuple[str, str]] = Counter()

    def application(self) -> web.Application:
        """Return the application to serve."""
        application = web.Application()
        application.router.add_get(APP_PATH, self._token_of_app)
        application.router.add_get(NODE_PATH, self._token_of_node)
        application.router.add_get("/control/tokens", self._get_tokens)
        application.router.add_put("/control/tokens", self._set_tokens)
        application.router.add_get("/control/assignments/{client_id}", self._get_assignments)
        application.router.add_put("/control/assignments/{client_id}", self._set_assignments)
        return application

    async def _token_of_app(self, request: web.Request) -> web.Response:
        if not secrets.compare_digest(request.headers.get("X-IDENTITY-HEADER", ""), self.header):
            return _app_error(401, "The header X-IDENTITY-HEADER is missing or wrong.")
        if self._busy:
            return _app_error(self._busy.pop(0), "Try again later.")
        if request.query.get("api-version") != _APP_VERSION:
            return _app_error(400, f"The api-version is not {_APP_VERSION}.")
        identity = self._asked_for(request, of_nodes=False)
        if identity is None:
            return _app_error(
                400,
                "No User Assigned or Delegated Managed Identity found for specified "
                "ClientId/ResourceId/PrincipalId.",
            )
        return web.json_response(self._issue(identity, request))

    async def _token_of_node(self, request: web.Request) -> web.Response:
        if request.headers.get("Metadata") != "true" or "X-Forwarded-For" in request.headers:
            return _node_error("Required metadata header not specified or not correct")
        if self._busy:
            return _node_error("Try again later", status=self._busy.pop(0))
        for name in ("api-version", "resource"):
            if not request.query.get(name):
                return _node_error(f"Required query variable '{name}' is missing")
        identity = self._asked_for(request, of_nodes=True)
        if identity is None:
            return _node_error("Identity not found")
        facts = self._issue(identity, request)
        return web.json_response(facts | {"expires_in": str(int(self._lifetime))})

    def _asked_for(self, request: web.Request, *, of_nodes: bool) -> Identity | None:
        query = request.query
        if resource_id := query.get("msi_res_id") or query.get("mi_res_id"):
            found = self._directory.by_resource(resource_id)
        elif object_id := query.get("object_id") or query.get("principal_id"):
            found = self._directory.by_object(object_id)
        else:
            found = self._directory.by_client(query.get("client_id", ""))
        if found is None or found.is_of_nodes != of_nodes:
            return None
        return None if query.get("resource", "").rstrip("/") in self._withheld else found

    def _issue(self, identity: Identity, request: web.Request) -> dict[str, str]:
        now, resource = time.time(), request.query.get("resource", "")
        self._issued[identity.client_id, resource] += 1
        return {
            "access_token": tokens.issue(identity, resource, now=now, lifetime=self._lifetime),
            "client_id": identity.client_id,
            "expires_on": str(int(now + self._lifetime)),
            "resource": resource,
            "token_type": "Bearer",
        }

    async def _set_tokens(self, request: web.Request) -> web.Response:
        facts: dict[str, Any] = await request.json()
        self._withheld = frozenset(one.rstrip("/") for one in facts.get("withheld", self._withheld))
        self._lifetime = float(facts.get("lifetime", self._lifetime))
        self._busy = list(facts.get("busy", self._busy))
        return await self._get_tokens(request)

    async def _get_tokens(self, _request: web.Request) -> web.Response:
        issued = [
            {"clientId": client_id, "resource": resource, "count": count}
            for (client_id, resource), count in self._issued.items()
        ]
        kept = {"withheld": sorted(self._withheld), "lifetime": self._lifetime, "busy": self._busy}
        return web.json_response(kept | {"issued": issued})

    async def _get_assignments(self, request: web.Request) -> web.Response:
        identity = self._directory.by_client(request.match_info["client_id"])
        return web.json_response([] if identity is None else shown(identity.assignments))

    async def _set_assignments(self, request: web.Request) -> web.Response:
        try:
            assignments = assignments_of(await request.json())
            self._directory.assign(request.match_info["client_id"], assignments)
        except (ValueError, TypeError, KeyError) as error:
            return web.json_response({"error": repr(error)}, status=400)
        return web.json_response(shown(assignments))


def _app_error(status: int, message: str) -> web.Response:
    return web.json_response({"statusCode": status, "message": message}, status=status)


def _node_error(description: str, status: int = 400) -> web.Response:
    return web.json_response({"error": "invalid_request", "error_description": description}, status=status)
