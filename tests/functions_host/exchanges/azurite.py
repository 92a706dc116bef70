"""An Azurite that may be stopped and started again with what it held."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import AZURITE
from tests.functions_host.exchanges.host_process import free_port, wait_until

_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The key of the development account, which is no secret."""


@dataclass(kw_only=True)
class RestartableAzurite:
    """Azurite on fixed ports, with its state in a directory."""

    directory: Path
    blob_port: int = field(default_factory=free_port)
    queue_port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def connection_string(self) -> str:
        """How to reach its only account."""
        name, host = "devstoreaccount1", "http://127.0.0.1"
        return (
            f"DefaultEndpointsProtocol=http;AccountName={name};AccountKey={_KEY};"
            f"BlobEndpoint={host}:{self.blob_port}/{name};QueueEndpoint={host}:{self.queue_port}/{name};"
        )

    def start(self) -> None:
        """Start it, and return once it listens."""
        ports = ("--blobPort", str(self.blob_port), "--queuePort", str(self.queue_port), "--tablePort", "0")
        self.process = subprocess.Popen(
            [str(AZURITE), "--skipApiVersionCheck", "--disableTelemetry", "--silent", *ports],
            cwd=self.directory,
            stdout=subprocess.DEVNULL,
        )
        assert wait_until(lambda: all(map(_listens, (self.blob_port, self.queue_port))), 30)

    def stop(self) -> None:
        """Stop it, so that it writes down what it holds."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def restartable_azurite(directory: Path) -> Iterator[RestartableAzurite]:
    """Give an Azurite that has not been started, and stop it at the end."""
    if not AZURITE.exists():
        pytest.skip("Azurite is missing: make install")
    directory.mkdir()
    azurite = RestartableAzurite(directory=directory)
    try:
        yield azurite
    finally:
        azurite.stop()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
