"""An app in Azure, as the stand-in of Resource Manager has it, and who looks at it."""

import ssl
from dataclasses import dataclass
from typing import Any

import aiohttp
from azure.core.credentials import AccessToken, AccessTokenInfo

from batchmgr.doctor.examine_app import examine_app
from batchmgr.doctor.resource_manager import open_resource_manager
from tests.doctor.azure import APP, CLIENT_ID, Azure
from tests.doctor.conftest import Findings, SetUp


class Developer:
    """The credential of a developer, who gets tokens for everything."""

    def __init__(self, **_: object) -> None: ...

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        return AccessToken("token", 4_000_000_000)

    async def get_token_info(self, *scopes: str, **_: Any) -> AccessTokenInfo:
        return AccessTokenInfo("token", 4_000_000_000)

    async def close(self) -> None: ...

    async def __aenter__(self) -> "Developer":
        return self

    async def __aexit__(self, *_: object) -> None: ...


@dataclass
class Deployed:
    """An app in Azure, and the accounts that its settings name."""

    azure: Azure
    set_up: SetUp

    async def examine(self, credential: Any = None) -> Findings:
        verify = str(self.azure.certificate)
        trust = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=verify))
        endpoint = f"https://{self.azure.host}"
        async with (
            open_resource_manager(
                credential or Developer(), endpoint=endpoint, connection_verify=verify
            ) as arm,
            aiohttp.ClientSession(connector=trust) as http,
        ):
            return Findings(await examine_app(arm, http, APP))

    def use_identity(self) -> None:
        """Let the app use its identity in place of keys. Its accounts can't be reached from here."""
        for name in ("AzureWebJobsStorage", "BATCHMGR_BATCH_KEY", "BATCHMGR_BATCH_ACCOUNT"):
            self.set_up.environment.pop(name, None)
        account = self.azure.storage
        self.set_up.environment |= {
            "AzureWebJobsStorage__blobServiceUri": f"https://{account}.blob.invalid",
            "AzureWebJobsStorage__queueServiceUri": f"https://{account}.queue.invalid",
            "AzureWebJobsStorage__credential": "managedidentity",
            "AzureWebJobsStorage__clientId": CLIENT_ID,
            "BATCHMGR_BATCH_ENDPOINT": "https://devbatchaccount.westeurope.batch.azure.invalid",
        }
