"""A deployment that tests can be pointed at, instead of the local stack.

    BATCHMGR_URL=https://my-app.azurewebsites.net BATCHMGR_FUNCTION_KEY=… pytest -m smoke tests/integration

Three environment variables describe it. `BATCHMGR_URL` is its address. `BATCHMGR_FUNCTION_KEY` is a function
key. `BATCHMGR_AUDIENCE` is what a token of Microsoft Entra ID is for, such as `api://<client id>`, if the app
asks for one; it is the token of whoever is signed in.
"""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from azure.core.credentials_async import AsyncTokenCredential
from azure.identity.aio import DefaultAzureCredential

from tests.integration.client import Api


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """Where batchmgr runs, and how to be let in."""

    url: str
    key: str = field(default="", repr=False)
    audience: str = ""


def chosen_deployment(environment: Mapping[str, str] = os.environ) -> Deployment | None:
    """Return the deployment that the variables describe, or None for the local stack."""
    url = environment.get("BATCHMGR_URL", "").rstrip("/")
    if not url:
        return None
    return Deployment(
        url=url,
        key=environment.get("BATCHMGR_FUNCTION_KEY", ""),
        audience=environment.get("BATCHMGR_AUDIENCE", ""),
    )


@asynccontextmanager
async def connected_to(
    deployment: Deployment, sign_in: Callable[[], AsyncTokenCredential] = DefaultAzureCredential
) -> AsyncIterator[Api]:
    """Open a client of the deployment."""
    headers = {"x-functions-key": deployment.key} if deployment.key else {}
    if deployment.audience:
        async with sign_in() as credential:
            token = await credential.get_token(f"{deployment.audience}/.default")
        headers["Authorization"] = f"Bearer {token.token}"
    async with aiohttp.ClientSession(headers=headers) as http:
        yield Api(address=deployment.url, http=http)
