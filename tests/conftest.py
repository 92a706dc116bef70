"""One Azurite for all tests of a process, with a storage account of its own for each test."""

import base64
import os
import re
import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

AZURITE = Path(__file__).parents[1] / "node_modules" / ".bin" / "azurite"
ACCOUNTS = 2_000
_BLOB = re.compile(r"Blob service is successfully listening at (\S+)")
_QUEUE = re.compile(r"Queue service is successfully listening at (\S+)")


@pytest.fixture(scope="session")
def azurite_accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """What hands out connection strings, each of an unused account."""
    if not AZURITE.exists():
        if os.environ.get("CI"):
            pytest.fail("Azurite is missing: make install")
        pytest.skip("Azurite is missing: make install")
    accounts = {f"test{n}": base64.b64encode(secrets.token_bytes(32)).decode() for n in range(ACCOUNTS)}
    command = [
        str(AZURITE),
        "--skipApiVersionCheck",
        "--disableTelemetry",
        "--silent",
        "--inMemoryPersistence",
    ]
    command += ["--blobPort", "0", "--queuePort", "0", "--tablePort", "0"]
    environment = os.environ | {"AZURITE_ACCOUNTS": ";".join(f"{n}:{k}" for n, k in accounts.items())}
    with subprocess.Popen(
        command,
        env=environment,
        cwd=tmp_path_factory.mktemp("azurite"),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        unused = iter(accounts.items())
        blob, queue = _listening(process, _BLOB), _listening(process, _QUEUE)

        def connection_string() -> str:
            name, key = next(unused)
            return (
                f"DefaultEndpointsProtocol=http;AccountName={name};AccountKey={key};"
                f"BlobEndpoint={blob}/{name};QueueEndpoint={queue}/{name};"
            )

        try:
            yield connection_string
        finally:
            process.terminate()


@pytest.fixture
def connection_string(azurite_accounts: Callable[[], str]) -> str:
    """A storage account that no other test has used."""
    return azurite_accounts()


def _listening(process: "subprocess.Popen[str]", pattern: re.Pattern[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if found := pattern.search(line):
            return found[1]
    raise AssertionError("Azurite ended before it listened")
