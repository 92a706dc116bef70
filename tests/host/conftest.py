"""Azurite, an account of it for each test, and the sample app on an embedded host."""

import base64
import json
import os
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from batchmgr.local.host.server import Host, HostOptions
from tests.host.storage import PATIENCE_SECONDS, Storage

ROOT = Path(__file__).parents[2]
AZURITE = ROOT / "node_modules" / ".bin" / "azurite"
SAMPLE_APP = Path(__file__).parent / "sample_app"
ACCOUNTS = 150


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """Run Azurite; yields what hands out connection strings, each of an account of its own."""
    if not AZURITE.exists():
        if os.environ.get("CI"):
            pytest.fail("Azurite is missing: npm install")
        pytest.skip("Azurite is missing: npm install")
    directory = tmp_path_factory.mktemp("azurite")
    command = [
        str(AZURITE),
        "--skipApiVersionCheck",
        "--disableTelemetry",
        "--silent",
        "--inMemoryPersistence",
    ]
    command += ["--blobPort", "0", "--queuePort", "0", "--tablePort", "0"]
    accounts = {f"test{n}": base64.b64encode(secrets.token_bytes(32)).decode() for n in range(ACCOUNTS)}
    environment = os.environ | {"AZURITE_ACCOUNTS": ";".join(f"{n}:{k}" for n, k in accounts.items())}
    unused = iter(accounts.items())
    output = directory / "output"
    with output.open("wb") as stdout:
        process = subprocess.Popen(command, env=environment, cwd=directory, stdout=stdout)
    with process:
        try:
            blob, queue = _wait_until_listening(output)
            yield lambda: _connection_string(*next(unused), blob, queue)
        finally:
            process.terminate()


def _wait_until_listening(output: Path) -> tuple[str, str]:
    """Return the addresses of the blob and the queue service."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        addresses = dict(
            re.findall(
                r"^Azurite (Blob|Queue) service is successfully listening at (\S+)$", output.read_text(), re.M
            )
        )
        if len(addresses) == 2:
            return addresses["Blob"], addresses["Queue"]
        time.sleep(0.05)
    raise TimeoutError(f"Azurite did not start: {output.read_text()}")


def _connection_string(account: str, key: str, blob: str, queue: str) -> str:
    return (
        f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={key};"
        f"BlobEndpoint={blob}/{account};QueueEndpoint={queue}/{account};"
    )


@pytest.fixture
async def storage(azurite: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Storage]:
    """An account that no other test uses, and the settings of the sample app that point to it."""
    text = azurite()
    settings = {
        "AzureWebJobsStorage": text,
        "InQueue": "input",
        # Once a year: tests of timers say when.
        "Tick": "0 0 0 1 1 *",
        "AzureFunctionsWebHost__hostid": "testhost",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    async with (
        BlobServiceClient.from_connection_string(text) as blobs,
        QueueServiceClient.from_connection_string(text) as queues,
    ):
        for container in ("seen", "results", "events"):
            await blobs.create_container(container)
        yield Storage(connection_string=text, blobs=blobs, queues=queues)


@pytest.fixture
def app_directory(tmp_path: Path) -> Path:
    """A copy of the sample app, for tests that change it."""
    return Path(shutil.copytree(SAMPLE_APP, tmp_path / "app"))


def edit_host_json(directory: Path, **sections: Any) -> None:
    """Set top-level properties of an app's host.json."""
    path = directory / "host.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | sections))


Hosts = Callable[..., AbstractAsyncContextManager[Host]]


@pytest.fixture
def running_host(storage: Storage) -> Hosts:
    """Run the sample app, or another, on a host; takes the fields of HostOptions."""

    @asynccontextmanager
    async def run(**fields: Any) -> AsyncIterator[Host]:
        options = HostOptions(script_root=SAMPLE_APP, port=0, blob_scan_interval=0.1)
        async with Host(replace(options, **fields)) as host:
            yield host

    return run


@pytest.fixture
async def host(running_host: Hosts) -> AsyncIterator[Host]:
    """The sample app on a host."""
    async with running_host() as host:
        yield host


@pytest.fixture
async def http(host: Host) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the sample app's host."""
    async with aiohttp.ClientSession(host.url) as session:
        yield session
