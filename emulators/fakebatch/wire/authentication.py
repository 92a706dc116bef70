"""Who may use the service: whoever signs with the key of the account, or has a token."""

from collections.abc import Mapping

from fakebatch.errors import BatchError
from fakebatch.wire import job_token, shared_key


def authorize(method: str, path: str, query: str, headers: Mapping[str, str], *, is_secure: bool) -> None:
    """Raise BatchError(AuthenticationFailed) unless the request is signed, or has a bearer token over TLS.

    There is no one to ask whether a token is genuine, so any is. That of a task is known, and good for its
    job, without TLS too, for it is of no use elsewhere. Raises BatchError(Forbidden) for other operations.
    `path` and `query` are as sent.
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
