"""Runs Azurite, the Azure Storage emulator, as a child process."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from batchmgr.devstack.certificate import Certificate
from batchmgr.devstack.child_processes import ChildProcesses
from batchmgr.errors import StackError

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's well-known key. It is the same in every installation and public, so it is not a secret."""

_READY = re.compile(
    r"Blob service is successfully listening at (?P<blob>\S+)$"
    r".*Queue service is successfully listening at (?P<queue>\S+)$",
    re.MULTILINE | re.DOTALL,
)
_START_TIMEOUT_S = 60


@dataclass(frozen=True, kw_only=True)
class Azurite:
    """The service URLs of a running Azurite. They include the account."""

    blob: str
    queue: str

    @property
    def connection_string(self) -> str:
        """The connection string for storage clients and the Functions host."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
            f"BlobEndpoint={self.blob};QueueEndpoint={self.queue};"
        )


async def start_azurite(
    processes: ChildProcesses,
    *,
    project: Path,
    data: Path,
    environment: dict[str, str],
    blob_port: int = 0,
    queue_port: int = 0,
    certificate: Certificate | None = None,
) -> Azurite:
    """Start Azurite as one of `processes`, with its data in `data`, and wait until it listens.

    With port 0, Azurite chooses a free port. With a certificate, it serves over https, and takes tokens.
    Raises StackError if Azurite is missing or does not start.
    """
    command = [
        str(find_azurite(project)),
        *("--blobPort", str(blob_port), "--queuePort", str(queue_port), "--tablePort", "0"),
        *("--location", str(data), "--silent", "--skipApiVersionCheck", "--disableTelemetry"),
        *(_with_tokens(certificate) if certificate else ()),
    ]
    child = await processes.start("Azurite", command, environment=environment, directory=data)
    ready = await child.wait_for_output(_READY, timeout_s=_START_TIMEOUT_S)
    return Azurite(blob=f"{ready['blob']}/{ACCOUNT}", queue=f"{ready['queue']}/{ACCOUNT}")


def _with_tokens(certificate: Certificate) -> tuple[str, ...]:
    files = ("--cert", str(certificate.certificate), "--key", str(certificate.key))
    return (*files, "--oauth", "basic")


def find_azurite(project: Path) -> Path:
    """Return the path of the project's Azurite, or else of the one on the PATH. Raises StackError."""
    if shutil.which("node") is None:
        raise StackError(
            "Node.js is not on the PATH. Azurite, the storage emulator, needs it. "
            "Install Node.js 20 or newer, then run: make install"
        )
    installed = project / "node_modules" / ".bin" / "azurite"
    found = str(installed) if installed.exists() else shutil.which("azurite")
    if found is None:
        raise StackError("Azurite, the storage emulator, is not installed. Run: make install")
    return Path(found)
