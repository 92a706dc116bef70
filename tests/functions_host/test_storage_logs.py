"""The logs of a storage account, which Azurite does not have."""

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobAnalyticsLogging

from functions_host.storage_logs import enable_logs, look_at_logs
from tests.functions_host.storage_account import StorageAccount


async def test_logs_of_writes_are_enabled_and_others_stay_as_they_are(storage: StorageAccount) -> None:
    await storage.blobs.set_service_properties(analytics_logging=BlobAnalyticsLogging(read=True))
    await enable_logs(storage.blobs)
    logs = (await storage.blobs.get_service_properties())["analytics_logging"]
    assert (logs.write, logs.read, logs.delete, logs.retention_policy.days) == (True, True, False, 7)


async def test_an_account_without_logs_is_an_error(storage: StorageAccount) -> None:
    with pytest.raises(ResourceNotFoundError):
        await look_at_logs(storage.blobs)
