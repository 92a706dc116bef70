"""What the measurements talk to: Azurite, and a stub of Azure Batch. Each is a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from batchmgr.devstack.azurite import ACCOUNT, KEY, find_azurite
from batchmgr.devstack.project_paths import PROJECT
from batchmgr.devstack.tcp_ports import LOOPBACK, free_port


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
