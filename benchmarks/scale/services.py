"""What the measurements talk to: Azurite, a stub of Azure Batch, Functions hosts. Each is its own process."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from batchmgr.devstack.azurite import ACCOUNT, KEY, find_azurite
from batchmgr.devstack.project_paths import PROJECT
from batchmgr.devstack.tcp_ports import LOOPBACK, free_port
from batchmgr.settings import Settings


@contextmanager
def stub_batch(latency_ms: float) -> Iterator[str]:
    """Run the stub of Azure Batch, and yield its address."""
    command = [sys.executable, "-m", "benchmarks.scale.stub_batch", "--latency-ms", str(latency_ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        try:
            yield process.stdout.readline().strip() if process.stdout else ""
        finally:
            process.terminate()


@contextmanager
def running_azurite() -> Iterator[str]:
    """Run Azurite, and yield its connection string."""
    blob, queue = free_port(), free_port()
    with TemporaryDirectory(ignore_cleanup_errors=True) as data:
        command = [str(find_azurite(PROJECT)), "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
        command += ["--blobPort", str(blob), "--queuePort", str(queue), "--tablePort", "0"]
        command += ["--location", data]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=data
        ) as process:
            try:
                for line in process.stdout or ():
                    if "Queue service is successfully listening" in line:
                        break
                else:
                    sys.exit("Azurite did not start: another process may have taken its port")
                yield (
                    f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
                    f"BlobEndpoint=http://{LOOPBACK}:{blob}/{ACCOUNT};"
                    f"QueueEndpoint=http://{LOOPBACK}:{queue}/{ACCOUNT};"
                )
            finally:
                process.terminate()


def storage_settings(storage: str) -> Settings:
    """Return the settings of an app that works on this storage, and makes no call to Azure Batch."""
    return Settings(
        storage_connection_string=storage,
        batch_endpoint="https://account.batch.local",
        batch_account="account",
        batch_key=KEY,
        default_pool_id="pool",
    )


@contextmanager
def functions_host(settings: Mapping[str, str]) -> Iterator[str]:
    """Run the app on an embedded host, with these app settings, and yield its address."""
    command = [sys.executable, "-m", "functions_host", "--script-root", str(PROJECT), "--port", "0", "--json"]
    environment = {**os.environ, **settings, "PYTHONPATH": str(PROJECT / "emulators")}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        try:
            ready = msgspec.json.decode(process.stdout.readline() if process.stdout else b"")
            yield str(ready["functions"])
        finally:
            process.kill()


@contextmanager
def further_hosts(settings_file: str, number: int) -> Iterator[None]:
    """Run more hosts beside that of a local stack, with the same settings and so on the same storage."""
    settings = msgspec.json.decode(Path(settings_file).read_bytes())["Values"]
    with ExitStack() as hosts:
        for _ in range(number):
            hosts.enter_context(functions_host(settings))
        yield
