"""The stack of a storm: as `batchmgr start` runs it, but with several hosts, and with faults in between.

    storm, Event Grid ──► front ──► Functions hosts ──► faulty proxies ──► Azurite
                                            └─────────► fake Azure Batch, with its control API

Everything else, the nodes included, reaches Azurite through the same addresses; their requests are spared.
"""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, TypeVar
from urllib.parse import urlsplit

from azure.batch.aio import BatchClient
from azure.batch.models import BatchPoolCreateOptions
from azure.core.credentials import AzureNamedKeyCredential

from batchmgr.bootstrap import prepare_storage
from batchmgr.devstack.azurite import ACCOUNT, KEY, start_azurite
from batchmgr.devstack.child_processes import ChildProcess, ChildProcesses
from batchmgr.devstack.project_paths import PROJECT
from batchmgr.devstack.tcp_ports import free_port
from batchmgr.errors import StackError
from batchmgr.plan.file_specifications import FINALIZE_CONTAINER
from batchmgr.settings import Settings
from fakebatch.testing import FaultClient
from tests.storm.faulty_proxy import FaultyProxy, What
from tests.storm.job_kinds import SPOT_POOL
from tests.storm.secrets import SETTINGS

POOL = "local"
SPOT_NODES = 2

_READY = re.compile(r"^\{.*\}$", re.MULTILINE)
_START_TIMEOUT_S = 90
_WATCH_S = 0.2
_CALLBACK_HOSTS = "127.0.0.1"
_SPOT: dict[str, Any] = {
    "id": SPOT_POOL,
    "vmSize": "standard_d2s_v3",
    "targetLowPriorityNodes": SPOT_NODES,
    "taskSlotsPerNode": 3,
    "virtualMachineConfiguration": {
        "imageReference": {"publisher": "p", "offer": "o", "sku": "s", "version": "latest"},
        "nodeAgentSKUId": "batch.node.ubuntu 22.04",
    },
}

T = TypeVar("T")


class _Processes(ChildProcesses):
    """Child processes, of which the last one is known: not every function that starts one returns it."""

    last: ChildProcess

    async def start(self, *arguments: Any, **options: Any) -> ChildProcess:
        self.last = await super().start(*arguments, **options)
        return self.last


@dataclass
class Host:
    """One place for a Functions host. Whenever its host has ended, a new one is started, on a new port."""

    number: int
    processes: ChildProcesses
    port: int = 0
    starts: int = 0
    process: ChildProcess | None = None
    ends: list[str] = field(default_factory=list)
    """How the process ended by itself, in words: `with exit code 0`."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass
class StormStack:
    """A running stack. `running_storm_stack` starts it."""

    connection_string: str
    """Storage without faults, for the storm itself."""
    batch_endpoint: str
    batch_key: AzureNamedKeyCredential
    faults: FaultClient
    front: FaultyProxy
    storage: list[FaultyProxy]
    hosts: list[Host]
    azurite: ChildProcess
    batch: ChildProcess
    topic: ChildProcess
    topic_starts: int
    log_directory: Path
    _host_environment: Mapping[str, str]
    _start_topic: Callable[[], Awaitable[ChildProcess]]

    @property
    def address(self) -> str:
        """The base URL of the app, behind the front."""
        return f"http://127.0.0.1:{self.front.port}"

    async def start_host(self, host: Host) -> None:
        """Start a host, and wait until it is ready. From then on, it gets the requests of its predecessor.

        Raise StackError if it fails.
        """
        host.starts += 1
        port = free_port()
        command = [*(sys.executable, "-m", "functions_host"), *("--script-root", str(PROJECT))]
        host.process = await host.processes.start(
            f"start {host.starts}",
            [*command, *("--port", str(port), "--json")],
            environment=self._host_environment,
            directory=PROJECT,
            orphan_signal=signal.SIGKILL,
        )
        await host.process.wait_for_output(_READY, timeout_s=_START_TIMEOUT_S)
        host.port = port

    async def supervise(self) -> None:
        """Start hosts again that have ended, as Azure does. Raise StackError if another part has ended."""
        while True:
            for process in (self.azurite, self.batch):
                process.raise_if_ended()
            if self.topic.has_died:
                self.topic = await self._start_topic()
                self.topic_starts += 1
            await asyncio.gather(*(self._revive(host) for host in self.hosts))
            await asyncio.sleep(_WATCH_S)

    async def _revive(self, host: Host) -> None:
        if host.lock.locked():  # somebody is stopping it just now
            return
        async with host.lock:
            if host.process is None or host.process.is_running:
                return
            if host.process.has_died:
                host.ends.append(host.process.exit)
            await host.process.kill()
            try:
                await self.start_host(host)
            except StackError as error:
                # A host that finds no storage at its start ends again. Azure starts it once more.
                host.ends.append(f"at its start: {error}".partition("The end of its log")[0])

    @property
    def hosts_are_up(self) -> bool:
        """Whether all hosts run and have started."""
        return all(host.process and host.process.is_running and not host.lock.locked() for host in self.hosts)


@asynccontextmanager
async def running_storm_stack(directory: Path, *, hosts: int, seed: int) -> AsyncIterator[StormStack]:
    """Start the stack, with its data and logs in `directory`, and stop it at the end of the block."""
    async with AsyncExitStack() as resources:
        for name in ("logs", "azurite", "batch", "topic"):
            (directory / name).mkdir(parents=True)
        processes = _Processes(directory / "logs")
        resources.push_async_callback(processes.stop)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        environment = os.environ | {"PATH": path}
        azurite = await start_azurite(
            processes, project=PROJECT, data=directory / "azurite", environment=environment
        )
        azurite_process = processes.last
        batch_process, batch = await _start_batch(processes, directory / "batch", environment)
        credential = AzureNamedKeyCredential(batch["account"], batch["key"])
        await _create_spot_pool(batch["endpoint"], credential)
        storage = [
            await _storage_proxy(url, Random(f"{seed}/{url[-9:]}")) for url in (azurite.blob, azurite.queue)
        ]
        started: list[Host] = []
        front = FaultyProxy(lambda: [host.port for host in started], Random(f"{seed}/front"))
        await front.start()
        for proxy in (*storage, front):
            resources.push_async_callback(proxy.stop)
        faulty = _connection_string(*(f"http://127.0.0.1:{proxy.port}/{ACCOUNT}" for proxy in storage))
        host_environment = environment | _app_settings(faulty, batch)
        await prepare_storage(Settings.from_environment(_app_settings(azurite.connection_string, batch)))

        async def start_topic() -> ChildProcess:
            return await _start_topic(
                processes, front.port, directory / "topic", environment, azurite.connection_string, seed
            )

        stack = StormStack(
            connection_string=azurite.connection_string,
            batch_endpoint=batch["endpoint"],
            batch_key=credential,
            faults=FaultClient(batch["control"]),
            front=front,
            storage=storage,
            hosts=started,
            azurite=azurite_process,
            batch=batch_process,
            topic=azurite_process,
            topic_starts=1,
            log_directory=directory / "logs",
            _host_environment=host_environment,
            _start_topic=start_topic,
        )
        for number in range(hosts):
            (directory / "logs" / f"host-{number}").mkdir()
            own = ChildProcesses(directory / "logs" / f"host-{number}")
            resources.push_async_callback(own.stop)
            host = Host(number=number, processes=own)
            await stack.start_host(host)
            started.append(host)
        stack.topic = await start_topic()
        yield stack


async def _start_batch(
    processes: ChildProcesses, root: Path, environment: Mapping[str, str]
) -> tuple[ChildProcess, Mapping[str, str]]:
    command = [
        *(sys.executable, "-m", "fakebatch", "--json", "--port", "0", "--control-port", "0"),
        *("--pool", f"{POOL}=3x8", "--root", str(root)),
    ]
    child = await processes.start("fake Azure Batch", command, environment=environment, directory=root)
    ready = await child.wait_for_output(_READY, timeout_s=_START_TIMEOUT_S)
    description: dict[str, str] = json.loads(ready[0])
    return child, description


async def _create_spot_pool(endpoint: str, credential: AzureNamedKeyCredential) -> None:
    async with BatchClient(endpoint, credential) as client:
        await client.create_pool(BatchPoolCreateOptions(_SPOT))


async def _start_topic(
    processes: ChildProcesses,
    front_port: int,
    state: Path,
    environment: Mapping[str, str],
    connection_string: str,
    seed: int,
) -> ChildProcess:
    """Start the stand-in for Event Grid. It sends some events twice, and in another order."""
    webhook = f"http://127.0.0.1:{front_port}/runtime/webhooks/blobs?functionName=Host.Functions.finalize_job"
    command = [
        *(sys.executable, "-m", "functions_host.event_grid", "--json", "--webhook", webhook),
        *("--connection-string", connection_string, "--container", FINALIZE_CONTAINER, "--suffix", ".json"),
        *("--state", str(state), "--from-start", "--retry-scale", "0.2", "--start-timeout", "60"),
        *("--duplicates", "0.2", "--shuffle", "0.5", "--seed", str(seed)),
    ]
    child = await processes.start("Event Grid", command, environment=environment, directory=state)
    await child.wait_for_output(_READY, timeout_s=_START_TIMEOUT_S)
    return child


async def _storage_proxy(url: str, random: Random) -> FaultyProxy:
    port = urlsplit(url).port or 0
    proxy = FaultyProxy(lambda: [port], random, is_spared=_is_spared)
    await proxy.start()
    return proxy


def _is_spared(what: What, method: str, path: str) -> bool:
    """Return whether a storage request gets no fault: that of a node, and an answer that holds messages.

    Messages whose answer was lost come back after ten minutes. A storm can't wait for each of them.
    """
    return "sig=" in path or (what == "lost" and method == "GET" and "/messages" in path)


def _connection_string(blob: str, queue: str) -> str:
    return (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
        f"BlobEndpoint={blob};QueueEndpoint={queue};"
    )


def _app_settings(connection_string: str, batch: Mapping[str, str]) -> dict[str, str]:
    return {
        "AzureWebJobsStorage": connection_string,
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "BATCHMGR_BATCH_ENDPOINT": batch["endpoint"],
        "BATCHMGR_BATCH_ACCOUNT": batch["account"],
        "BATCHMGR_BATCH_KEY": batch["key"],
        "BATCHMGR_POOL_ID": POOL,
        "BATCHMGR_POLL_SCHEDULE": "*/2 * * * * *",
        "BATCHMGR_RETENTION_SCHEDULE": "* * * * * *",
        "BATCHMGR_BLOB_SOURCE": "EventGrid",
        "BATCHMGR_CALLBACK_HOSTS": _CALLBACK_HOSTS,
        "BATCHMGR_ALLOW_LOOPBACK_CALLBACKS": "true",
        **SETTINGS,
    }
