import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from azure.batch.aio import BatchClient
from azure.storage.blob.aio import BlobServiceClient

from batchmgr.local.fakebatch.server import Options, serving
from tests.fakebatch.driving import credential

_PROJECT = Path(__file__).parents[2]
_AZURITE = _PROJECT / "node_modules" / ".bin" / "azurite"
_AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_LISTENING = re.compile(r"Blob service is successfully listening at (\S+)")


@pytest.fixture
async def endpoint(tmp_path: Path) -> AsyncIterator[str]:
    # Two pools: on `one` a task that runs again finds what it left, since there is no other node.
    pools: tuple[dict[str, object], ...] = (
        {"id": "hpc", "vmSize": "small", "targetDedicatedNodes": 2, "taskSlotsPerNode": 2},
        {"id": "one", "vmSize": "small", "targetDedicatedNodes": 1, "taskSlotsPerNode": 2},
    )
    async with serving(Options(root=tmp_path / "nodes", pools=pools, active_job_quota=10)) as address:
        yield address


@pytest.fixture
async def batch(endpoint: str) -> AsyncIterator[BatchClient]:
    async with BatchClient(endpoint, credential()) as client:
        yield client


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The connection string of an Azurite of its own."""
    if not _AZURITE.exists():
        pytest.skip("Azurite is not installed; run npm ci")
    data = tmp_path_factory.mktemp("azurite")
    ports = ("--blobPort", "0", "--queuePort", "0", "--tablePort", "0")
    options = ("--location", str(data), "--silent", "--skipApiVersionCheck", "--disableTelemetry")
    with subprocess.Popen([_AZURITE, *ports, *options], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield _connection_string(process)
        finally:
            process.terminate()


def _connection_string(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if found := _LISTENING.search(line):
            return (
                f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={_AZURITE_KEY};"
                f"BlobEndpoint={found[1]}/devstoreaccount1;"
            )
    raise AssertionError("Azurite ended before it listened")


@pytest.fixture
async def blobs(azurite: str) -> AsyncIterator[BlobServiceClient]:
    async with BlobServiceClient.from_connection_string(azurite) as client:
        yield client
