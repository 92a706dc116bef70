"""Credentials of a user who is signed in, and of one who is not."""

from typing import Any

from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError


class SignedIn:
    """The credential of a user who is signed in."""

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        assert scopes == ("https://management.azure.com/.default",)
        return AccessToken("token", 4_000_000_000)

    async def close(self) -> None: ...

    async def __aenter__(self) -> "SignedIn":
        return self

    async def __aexit__(self, *_: object) -> None: ...


class NotSignedIn(SignedIn):
    """The default credential after all its sign-in methods have failed."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        message = (
            f"DefaultAzureCredential failed to retrieve a token.\nAttempted credentials:\n{self._reason}"
        )
        raise ClientAuthenticationError(message=message)
