"""Fixtures: a storage account of Azurite for each test, and the sample app on a host."""

import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from functions_host.job_host import JobHost
from functions_host.job_host_options import JobHostOptions
from tests.functions_host.storage_account import StorageAccount

SAMPLE_APP = Path(__file__).parent / "sample_app"


@pytest.fixture
async def storage(connection_string: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StorageAccount]:
    """A storage account that no other test uses. The settings of the sample app point to it."""
    settings = {
        "AzureWebJobsStorage": connection_string,
        "InQueue": "input",
        # Once a year. Tests of timers set a schedule of their own.
        "Tick": "0 0 0 1 1 *",
        "AzureFunctionsWebHost__hostid": "testhost",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    async with (
        BlobServiceClient.from_connection_string(connection_string) as blobs,
        QueueServiceClient.from_connection_string(connection_string) as queues,
    ):
        for container in ("seen", "results", "events"):
            await blobs.create_container(container)
        yield StorageAccount(connection_string=connection_string, blobs=blobs, queues=queues)


@pytest.fixture
def app_directory(tmp_path: Path) -> Path:
    """A copy of the sample app, for tests that change it."""
    return Path(shutil.copytree(SAMPLE_APP, tmp_path / "app"))


def edit_host_json(directory: Path, **sections: Any) -> None:
    """Set top-level properties of an app's host.json."""
    path = directory / "host.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | sections))


Hosts = Callable[..., AbstractAsyncContextManager[JobHost]]


@pytest.fixture
def running_host(storage: StorageAccount) -> Hosts:
    """Run the sample app, or another one, on a host. Takes the fields of JobHostOptions."""

    @asynccontextmanager
    async def run(**fields: Any) -> AsyncIterator[JobHost]:
        options = JobHostOptions(script_root=SAMPLE_APP, port=0, blob_scan_interval=0.1)
        async with JobHost(replace(options, **fields)) as host:
            yield host

    return run


@pytest.fixture
async def host(running_host: Hosts) -> AsyncIterator[JobHost]:
    """A host that runs the sample app."""
    async with running_host() as host:
        yield host


@pytest.fixture
async def http(host: JobHost) -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client of the host that runs the sample app."""
    async with aiohttp.ClientSession(host.url) as session:
        yield session
