"""Opens clients of a Batch account: for batchmgr itself, and for a workload's own use.

batchmgr's own is a pipeline of azure-core: authentication, retries and tracing. That of azure-batch would
also copy each request, decode each answer for nobody, and load all models of the service.
"""

from typing import TYPE_CHECKING, TypeAlias

from azure.core import AsyncPipelineClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.pipeline.policies import (
    AsyncBearerTokenCredentialPolicy,
    DistributedTracingPolicy,
    RequestIdPolicy,
)
from azure.core.rest import AsyncHttpResponse, HttpRequest

from batchmgr.adapters.batch_shared_key import SharedKeyPolicy
from batchmgr.adapters.bounded_clients import TRANSPORT, BatchRetry
from batchmgr.adapters.measured_calls import Calls
from batchmgr.telemetry_port import Telemetry

if TYPE_CHECKING:
    from azure.batch import BatchClient as SyncBatchClient

__all__ = ["BatchClient", "open_client", "open_own_client"]

SCOPE = "https://batch.core.windows.net//.default"
"""What a token is for. Both slashes are meant: the name of the service ends with one."""

BatchClient: TypeAlias = AsyncPipelineClient[HttpRequest, AsyncHttpResponse]


def open_client(
    endpoint: str, credential: AzureNamedKeyCredential | AsyncTokenCredential, telemetry: Telemetry
) -> BatchClient:
    """Return a client of the Batch account. It retries for seconds; after that, jobs wait in the queue.

    Raise ValueError if a key is not base64.
    """
    calls = Calls("batch", telemetry)
    policies = [
        RequestIdPolicy(request_id_header_name="client-request-id"),
        BatchRetry(calls, retry_total=3, retry_backoff_max=5),
        SharedKeyPolicy(credential)
        if isinstance(credential, AzureNamedKeyCredential)
        else AsyncBearerTokenCredentialPolicy(credential, SCOPE),
        DistributedTracingPolicy(network_span_namer=calls.name),
    ]
    return AsyncPipelineClient(endpoint, policies=policies, **TRANSPORT)


def open_own_client(endpoint: str, account: str, key: str) -> "SyncBatchClient":
    """Return a client for a workload's own use. It uses the key if there is one, else an identity."""
    # Imported here, because few workloads need them.
    from azure.batch import BatchClient as SyncBatchClient

    if key:
        return SyncBatchClient(endpoint, AzureNamedKeyCredential(account, key))
    from azure.identity import DefaultAzureCredential

    return SyncBatchClient(endpoint, DefaultAzureCredential())
