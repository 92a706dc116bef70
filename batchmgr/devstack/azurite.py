"""Azurite, the emulator of Azure Storage, as a child process."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from batchmgr.devstack.child_processes import ChildProcesses
from batchmgr.errors import StackError

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's account and key are the same everywhere, and documented: they protect nothing."""

_READY = re.compile(
    r"Blob service is successfully listening at (?P<blob>\S+)$"
    r".*Queue service is successfully listening at (?P<queue>\S+)$",
    re.MULTILINE | re.DOTALL,
)
_START_TIMEOUT_S = 60


@dataclass(frozen=True, kw_only=True)
class Azurite:
    """Where a running Azurite answers: service URLs that include the account."""

    blob: str
    queue: str

    @property
    def connection_string(self) -> str:
        """What storage clients and the Functions host connect with."""
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
) -> Azurite:
    """Start Azurite as one of `processes`, keep its blobs and messages under `data`, wait until it listens.

    With port 0 Azurite itself takes a free port. Raises StackError when it is missing or does not start.
    """
    command = [
        str(find_azurite(project)),
        *("--blobPort", str(blob_port), "--queuePort", str(queue_port), "--tablePort", "0"),
        *("--location", str(data), "--silent", "--skipApiVersionCheck", "--disableTelemetry"),
    ]
    child = await processes.start("Azurite", command, environment=environment, directory=data)
    ready = await child.wait_for_output(_READY, timeout_s=_START_TIMEOUT_S)
    return Azurite(blob=f"{ready['blob']}/{ACCOUNT}", queue=f"{ready['queue']}/{ACCOUNT}")


def find_azurite(project: Path) -> Path:
    """The Azurite installed in the project, else the one on the PATH. Raises StackError without one."""
    if shutil.which("node") is None:
        raise StackError(
            "Node.js is not on the PATH, and Azurite, the storage emulator, runs on it. "
            "Install Node.js 20 or newer, then run: make install"
        )
    installed = project / "node_modules" / ".bin" / "azurite"
    found = str(installed) if installed.exists() else shutil.which("azurite")
    if found is None:
        raise StackError("Azurite, the storage emulator, is not installed. Run: make install")
    return Path(found)
