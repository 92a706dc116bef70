"""Tokens of the managed identities that a pool's nodes have, from the instance metadata service.

Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
"""

import os
from typing import Final

import aiohttp

from fakebatch.errors import StorageError

SERVICE: Final = "AZURE_POD_IDENTITY_AUTHORITY_HOST"
"""The variable with the URL of the metadata service, where it is not Azure's. Azure's clients know it too."""

_PATH: Final = "/metadata/identity/oauth2/token"
_PASSING: Final = (404, 410, 429)
_STORAGE: Final = "https://storage.azure.com/"


async def storage_headers(session: aiohttp.ClientSession, identity: str) -> dict[str, str]:
    """Return the headers that authorize a request with an identity, by its resource id.

    There are none without an identity, or without a metadata service. Raises StorageError if the service
    gives no token: a transient one while the service is updated or has too much to do, else as if storage had
    denied the access.
    """
    service = os.environ.get(SERVICE)
    if not identity or not service:
        return {}
    query = {"api-version": "2018-02-01", "resource": _STORAGE, "msi_res_id": identity}
    url = f"{service.rstrip('/')}{_PATH}"
    try:
        async with session.get(url, params=query, headers={"Metadata": "true"}) as response:
            if response.status != 200:
                passes = response.status in _PASSING or response.status >= 500
                text = f"{response.status} no token for the identity {identity}"
                raise StorageError(text, None if passes else 403)
            token = (await response.json())["access_token"]
    except (aiohttp.ClientError, TimeoutError) as error:
        raise StorageError(f"no token for the identity {identity}: {error}") from error
    return {"Authorization": f"Bearer {token}"}
