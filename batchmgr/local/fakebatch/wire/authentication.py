"""Who may use the service: whoever signs with the key of the account, or has a token."""

from collections.abc import Mapping

from batchmgr.local.fakebatch.wire import shared_key
from batchmgr.local.fakebatch.wire.errors import BatchError


def authorize(method: str, path: str, query: str, headers: Mapping[str, str], *, is_secure: bool) -> None:
    """Raise BatchError(AuthenticationFailed) unless the request is signed, or has a bearer token over TLS.

    There is no one to ask whether a token is genuine, so any is. `path` and `query` are as sent.
    """
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        shared_key.authorize(method, path, query, headers)
    elif not is_secure or not token.strip():
        raise BatchError(
            "AuthenticationFailed", AuthenticationErrorDetail="A bearer token is accepted only over https."
        )
