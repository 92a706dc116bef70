"""Whether a service would take a request: by its token, or by a signature, and by the roles of the caller.

Sources: https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory
https://learn.microsoft.com/rest/api/storageservices/create-user-delegation-sas
"""

from dataclasses import dataclass
from typing import Final

from fakeidentity import tokens
from fakeidentity.actions import Operation, Request, ServiceKind, operation
from fakeidentity.identities import Directory, Identity

AUDIENCES: Final = {
    "blob": "https://storage.azure.com",
    "queue": "https://storage.azure.com",
    "batch": "https://batch.core.windows.net",
}


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """How a service says no. `challenge` is the header `WWW-Authenticate`, or empty."""

    status: int
    code: str
    message: str
    challenge: str = ""


_NO_ROLE: Final = {
    "blob": Refusal(
        status=403,
        code="AuthorizationPermissionMismatch",
        message="This request is not authorized to perform this operation using this permission.",
    ),
    "queue": Refusal(
        status=403,
        code="AuthorizationPermissionMismatch",
        message="This request is not authorized to perform this operation using this permission.",
    ),
    # What Azure Batch answers was not seen in a primary source.
    "batch": Refusal(
        status=403, code="PermissionDenied", message="The principal has no role that allows this operation."
    ),
}
_NO_KEYS: Final = Refusal(
    status=403,
    code="KeyBasedAuthenticationNotPermitted",
    message="Key based authentication is not permitted on this storage account.",
)


def refusal(kind: ServiceKind, request: Request, directory: Directory, now: float) -> Refusal | None:
    """Return how the service refuses a request, or None if it is allowed.

    Keys are not allowed at all. A signature is checked by storage itself; here only the roles of the identity
    are, whose key made it, because a signature never allows more than these.
    """
    wanted = operation(kind, request)
    scheme, _, text = request.authorization.partition(" ")
    if scheme.lower() == "bearer":
        token = tokens.read(text.strip())
        if token is None or token.audience.rstrip("/") != AUDIENCES[kind]:
            return _unauthenticated(kind, "Audience validation failed. Audience did not match.")
        if token.expires <= now:
            return _unauthenticated(kind, "Lifetime validation failed. The token is expired.")
        return _check(kind, directory.by_client(token.client_id), wanted)
    if scheme or kind == "batch":
        return _NO_KEYS if scheme else _unauthenticated(kind, "No credentials were sent.")
    if "sig" not in request.query:
        return _unauthenticated(kind, "No authentication information was sent.")
    if "skoid" not in request.query:
        return _NO_KEYS
    return _check(kind, directory.by_object(request.query["skoid"]), wanted)


def _check(kind: ServiceKind, identity: Identity | None, wanted: Operation) -> Refusal | None:
    assignments = () if identity is None else identity.assignments
    needs = [wanted.actions, [wanted.also]] if wanted.also else [wanted.actions]
    if all(any(one.allows(need, wanted.container) for one in assignments) for need in needs):
        return None
    return _NO_ROLE[kind]


def _unauthenticated(kind: ServiceKind, message: str) -> Refusal:
    authority = f"https://login.microsoftonline.com/{tokens.TENANT}/oauth2/authorize"
    return Refusal(
        status=401,
        code="AuthenticationFailed" if kind == "batch" else "InvalidAuthenticationInfo",
        message=message,
        challenge=f"Bearer authorization_uri={authority} resource_id={AUDIENCES[kind]}",
    )
