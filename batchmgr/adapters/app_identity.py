"""The identity of the app, and one kind of error if there is no token for it.

Azure's own credential raises the answer of the identity endpoint as it is. The clients of services pass that
on, so that it looks like an answer of the service: a 400 of the endpoint would end jobs.
"""

from typing import TYPE_CHECKING, Self

from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError

if TYPE_CHECKING:  # it takes a third of a second of a cold start
    from azure.identity.aio import DefaultAzureCredential


class AppIdentity(AsyncTokenCredential):
    """Gets the tokens of a credential. Raises ClientAuthenticationError, without a response, if it can't."""

    def __init__(self, credential: "DefaultAzureCredential") -> None:
        self._credential = credential

    async def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **options: object,
    ) -> AccessToken:
        """Return a token, for clients that know no other method."""
        try:
            return await self._credential.get_token(
                *scopes, claims=claims, tenant_id=tenant_id, enable_cae=enable_cae, **options
            )
        except AzureError as error:
            raise ClientAuthenticationError(message=error.message) from error

    async def get_token_info(
        self, *scopes: str, options: TokenRequestOptions | None = None
    ) -> AccessTokenInfo:
        """Return a token, with what is known of it."""
        try:
            return await self._credential.get_token_info(*scopes, options=options)
        except AzureError as error:
            raise ClientAuthenticationError(message=error.message) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._credential.close()

    async def __aenter__(self) -> Self:
        """Open the connections."""
        await self._credential.__aenter__()
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Close the connections."""
        await self.close()
