from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from azure.batch.aio import BatchClient
from azure.storage.blob.aio import BlobServiceClient

from fakebatch.quotas import Quotas
from fakebatch.server import Options, serving
from tests.fakebatch.driving import credential


@pytest.fixture
async def endpoint(tmp_path: Path) -> AsyncIterator[str]:
    # Two pools: on `one` a task that runs again finds what it left, since there is no other node.
    pools: tuple[dict[str, object], ...] = (
        {"id": "hpc", "vmSize": "small", "targetDedicatedNodes": 2, "taskSlotsPerNode": 2},
        {"id": "one", "vmSize": "small", "targetDedicatedNodes": 1, "taskSlotsPerNode": 2},
    )
    async with serving(
        Options(root=tmp_path / "nodes", pools=pools, quotas=Quotas(active_jobs=10))
    ) as address:
        yield address


@pytest.fixture
async def batch(endpoint: str) -> AsyncIterator[BatchClient]:
    async with BatchClient(endpoint, credential()) as client:
        yield client


@pytest.fixture
async def blobs(connection_string: str) -> AsyncIterator[BlobServiceClient]:
    async with BlobServiceClient.from_connection_string(connection_string) as client:
        yield client
