"""Authentication of requests: a signature with the account key, or a bearer token."""

from collections.abc import Mapping

from fakebatch.errors import BatchError
from fakebatch.wire import job_token, shared_key


def authorize(method: str, path: str, query: str, headers: Mapping[str, str], *, is_secure: bool) -> None:
    """Raise BatchError(AuthenticationFailed) unless the request is signed, or has a bearer token over TLS.

    Any bearer token is accepted, because there is no issuer to verify it with. The token of a task is valid
    only for the operations of its job; for others this raises BatchError(Forbidden). It is accepted without
    TLS too, because it has no value elsewhere. `path` and `query` are as sent, still percent-encoded.
    """
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        shared_key.authorize(method, path, query, headers)
        return
    job_id = job_token.job_of(token.strip())
    if job_id is not None:
        if not job_token.allows(job_id, path):
            raise BatchError("Forbidden")
    elif not is_secure or not token.strip():
        raise BatchError(
            "AuthenticationFailed", AuthenticationErrorDetail="A bearer token is accepted only over https."
        )
