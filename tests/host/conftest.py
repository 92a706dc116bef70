"""Azurite, an account of it for each test, and the sample app on an embedded host."""

import base64
import json
import os
import secrets
import shutil
import socket
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """Run Azurite; yields what hands out connection strings, each of an account of its own."""
    if not AZURITE.exists():
        if os.environ.get("CI"):
            pytest.fail("Azurite is missing: npm install")
        pytest.skip("Azurite is missing: npm install")
    blob_port, queue_port, table_port = (_free_port() for _ in range(3))
    accounts = {f"test{n}": base64.b64encode(secrets.token_bytes(32)).decode() for n in range(ACCOUNTS)}
    command = [
        str(AZURITE),
        "--skipApiVersionCheck",
        "--disableTelemetry",
        "--silent",
        "--inMemoryPersistence",
    ]
    for service, port in (("blob", blob_port), ("queue", queue_port), ("table", table_port)):
        command += [f"--{service}Host", "127.0.0.1", f"--{service}Port", str(port)]
    environment = os.environ | {"AZURITE_ACCOUNTS": ";".join(f"{n}:{k}" for n, k in accounts.items())}
    process = subprocess.Popen(
        command, env=environment, cwd=tmp_path_factory.mktemp("azurite"), stdout=subprocess.DEVNULL
    )
    unused = iter(accounts.items())

    def connection_string() -> str:
        name, key = next(unused)
        return (
            f"DefaultEndpointsProtocol=http;AccountName={name};AccountKey={key};"
            f"BlobEndpoint=http://127.0.0.1:{blob_port}/{name};"
            f"QueueEndpoint=http://127.0.0.1:{queue_port}/{name};"
        )

    with process:
        try:
            _wait_until_open(blob_port, queue_port)
            yield connection_string
        finally:
            process.terminate()


def _wait_until_open(*ports: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    for port in ports:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


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
