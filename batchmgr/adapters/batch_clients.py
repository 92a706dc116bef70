"""Opens clients of a Batch account: for batchmgr itself, and for a workload's own use."""

from azure.batch import BatchClient as SyncBatchClient
from azure.batch.aio import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.credentials_async import AsyncTokenCredential

from batchmgr.adapters.bounded_clients import batch_options
from batchmgr.telemetry_port import Telemetry

__all__ = ["BatchClient", "open_client", "open_own_client"]


def open_client(
    endpoint: str, credential: AzureNamedKeyCredential | AsyncTokenCredential, telemetry: Telemetry
) -> BatchClient:
    """Return a client of the Batch account. It retries for seconds; after that, jobs wait in the queue."""
    return BatchClient(endpoint, credential, **batch_options(telemetry))


def open_own_client(endpoint: str, account: str, key: str) -> SyncBatchClient:
    """Return a client for a workload's own use. It uses the key if there is one, else an identity."""
    if key:
        return SyncBatchClient(endpoint, AzureNamedKeyCredential(account, key))
    # Imported here, because it takes a third of a second, and is not needed with a key.
    from azure.identity import DefaultAzureCredential

    return SyncBatchClient(endpoint, DefaultAzureCredential())
