"""Runs the whole stack on this machine: Azurite, the fake Azure Batch, the Functions host with the app."""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NoReturn, TypeVar

from batchmgr.bootstrap import prepare_storage
from batchmgr.devstack.app_settings import EVERY_SECOND, settings_with_keys, write_settings
from batchmgr.devstack.azurite import start_azurite
from batchmgr.devstack.child_processes import ChildProcess, ChildProcesses
from batchmgr.devstack.endpoints import Endpoints
from batchmgr.devstack.event_grid_process import start_event_grid
from batchmgr.devstack.fake_batch_process import start_fake_batch
from batchmgr.devstack.functions_host_process import HostKind, default_host_kind, start_functions_host
from batchmgr.devstack.keyless_services import start_keyless_services
from batchmgr.devstack.node_python import node_path
from batchmgr.devstack.project_paths import PROJECT
from batchmgr.devstack.tcp_ports import require_free
from batchmgr.errors import StackError
from batchmgr.settings import Settings

BlobSource = Literal["EventGrid", "LogsAndContainerScan"]
NodeAccess = Literal["signatures", "nodes"]

_logger = logging.getLogger(__name__)

T = TypeVar("T")

_WATCH_S = 0.1


@dataclass(frozen=True, kw_only=True)
class StackOptions:
    """How to run the stack. Port 0 means any free port. Without `data`, all data is deleted at the end.

    `applications` are application packages for the nodes, in the form of `batchmgr fakebatch --application`:
    `my_workload=1.4.0=dist/my_workload-1.4.0.zip,default`.
    """

    functions_port: int = 0
    batch_port: int = 0
    blob_port: int = 0
    queue_port: int = 0
    data: Path | None = None
    applications: Sequence[str] = ()
    blob_source: BlobSource = "EventGrid"
    """How the host notices finalize blobs: by events, as in Azure, or by scanning the container."""
    host: HostKind | None = None
    """None means Core Tools if they are installed, else the embedded host."""
    identity: NodeAccess | None = None
    """Run without keys: nodes use `signatures`, or the `nodes` have an identity. None: with keys."""
    patient: bool = False
    """Whether the embedded host spares developers the waits of the real one, such as those after a kill."""
    poll_schedule: str = EVERY_SECOND
    """When batchmgr looks at its jobs: an NCRONTAB expression or a TimeSpan."""
    active_jobs: int = 300
    """The quota of active jobs of the fake Batch account."""
    fake_batch: Sequence[str] = ()
    """More arguments of the fake Batch, such as `--executor simulated`."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """App settings that take precedence over those of the stack."""
    node_python: Path | None = None
    """The interpreter of the nodes. None means a bare one: what tasks import must be in their packages."""


class Stack:
    """A running stack. `running_stack` creates it.

    `host` can be killed and started again, with `start_host`, on the same address. The rest keeps running.
    """

    def __init__(
        self,
        *,
        processes: ChildProcesses,
        host_kind: HostKind,
        environment: Mapping[str, str],
        patient: bool,
        host: ChildProcess,
        endpoints: Endpoints,
    ) -> None:
        self.endpoints = endpoints
        self.host = host
        self._processes = processes
        self._host_kind: HostKind = host_kind
        self._environment = environment
        self._patient = patient

    async def start_host(self) -> None:
        """Start the Functions host again after it was stopped or killed."""
        self.host, _ = await start_functions_host(
            self._processes,
            self._host_kind,
            project=PROJECT,
            environment=self._environment,
            port=int(self.endpoints.functions.rpartition(":")[2]),
            patient=self._patient,
        )

    async def supervise(self) -> NoReturn:
        """Watch the parts until cancelled. Restart the Functions host if it dies, as Azure does.

        Raises StackError, with the end of the log, if another part ends or the host cannot be restarted.
        """
        while True:
            if self.host.has_died:
                _logger.warning("The Functions host died %s. Starting it again.", self.host.exit)
                await self.host.kill()  # kill the rest of its process group
                await self.start_host()
            self._processes.raise_if_ended()
            await asyncio.sleep(_WATCH_S)

    async def run_supervised(self, work: Coroutine[object, object, T]) -> T:
        """Await `work` while supervising the stack, and return its result.

        Raises StackError as soon as a part of the stack ends by itself.
        """
        watching = asyncio.create_task(self.supervise())
        working = asyncio.create_task(work)
        try:
            await asyncio.wait({watching, working}, return_when=asyncio.FIRST_COMPLETED)
            self._processes.raise_if_ended()  # a part that ended is the cause of any other error
            return await working
        finally:
            for task in (watching, working):
                task.cancel()
            await asyncio.gather(watching, working, return_exceptions=True)

    @property
    def log_directory(self) -> Path:
        """The directory of the logs. Without `data`, it is deleted when the stack stops."""
        return self._processes.log_directory

    def log_tails(self, lines: int = 20) -> Mapping[str, str]:
        """Return the last lines of each part's log, by name."""
        return self._processes.log_tails(lines)


@asynccontextmanager
async def running_stack(
    options: StackOptions, *, report: Callable[[str], None] = lambda _: None
) -> AsyncIterator[Stack]:
    """Start the stack, and stop it at the end of the block, or if a part fails to start.

        async with running_stack(StackOptions()) as stack:
            print(stack.endpoints.functions)

    `report` is called with the name of each part before it starts. Raises StackError.
    """
    _require_free_ports(options)
    async with AsyncExitStack() as resources:
        data = options.data or Path(resources.enter_context(TemporaryDirectory(prefix="batchmgr-")))
        data = _create(data.resolve())
        processes = ChildProcesses(_create(data / "logs"))
        resources.push_async_callback(processes.stop)
        yield await _start(processes, options, data, report)


async def _start(
    processes: ChildProcesses, options: StackOptions, data: Path, report: Callable[[str], None]
) -> Stack:
    start_services = _start_with_keys if options.identity is None else _start_without_keys
    services, environment, of_event_grid, settings = await start_services(processes, options, data, report)
    environment, settings = {**environment, **options.settings}, {**settings, **options.settings}
    settings_file = data / "local.settings.json"
    write_settings(settings_file, settings)
    report("Functions host")
    kind = options.host or default_host_kind()
    host, functions = await start_functions_host(
        processes,
        kind,
        project=PROJECT,
        environment=environment,
        port=options.functions_port,
        patient=options.patient,
    )
    if options.blob_source == "EventGrid":
        report("Event Grid")
        state = _create(data / "event-grid")
        await start_event_grid(processes, functions=functions, state=state, environment=of_event_grid)
    return Stack(
        processes=processes,
        host_kind=kind,
        environment=environment,
        patient=options.patient,
        host=host,
        endpoints=replace(services, functions=functions, settings_file=str(settings_file)),
    )


_Started = tuple[Endpoints, Mapping[str, str], Mapping[str, str], Mapping[str, str]]
"""The services, still without the Functions host, the environments of that and of Event Grid, the app's
settings."""


async def _start_with_keys(
    processes: ChildProcesses, options: StackOptions, data: Path, report: Callable[[str], None]
) -> _Started:
    environment = _child_environment()
    report("Azurite")
    azurite = await start_azurite(
        processes,
        project=PROJECT,
        data=_create(data / "azurite"),
        environment=environment,
        blob_port=options.blob_port,
        queue_port=options.queue_port,
    )
    report("fake Azure Batch")
    batch = await start_fake_batch(
        processes,
        root=_create(data / "batch"),
        environment=environment | {"PATH": _node_path(options, data, environment)},
        port=options.batch_port,
        applications=options.applications,
        keeps_state=options.data is not None,
        active_jobs=options.active_jobs,
        arguments=options.fake_batch,
    )
    settings = settings_with_keys(
        connection_string=azurite.connection_string,
        batch=batch,
        blob_source=options.blob_source,
        poll_schedule=options.poll_schedule,
    )
    await prepare_storage(Settings.from_environment(settings))
    endpoints = Endpoints(
        functions="",
        batch=batch["endpoint"],
        blob=azurite.blob,
        queue=azurite.queue,
        connection_string=azurite.connection_string,
        batch_account=batch["account"],
        batch_key=batch["key"],
    )
    environment |= settings
    return endpoints, environment, environment, settings


async def _start_without_keys(
    processes: ChildProcesses, options: StackOptions, data: Path, report: Callable[[str], None]
) -> _Started:
    environment = _child_environment()
    report("Azurite, identities and fake Azure Batch")
    services = await start_keyless_services(
        processes,
        directories=lambda part: _create(data / part),
        environment=environment,
        node_path=_node_path(options, data, environment),
        ports={"blob": options.blob_port, "queue": options.queue_port, "batch": options.batch_port},
        applications=options.applications,
        keeps_state=options.data is not None,
        nodes_have_identity=options.identity == "nodes",
        blob_source=options.blob_source,
        poll_schedule=options.poll_schedule,
        active_jobs=options.active_jobs,
        fake_batch=options.fake_batch,
    )
    endpoints = Endpoints(functions="", **services.urls, identity=services.identity)
    return endpoints, services.environment, services.platform_environment, services.settings


def _node_path(options: StackOptions, data: Path, environment: Mapping[str, str]) -> str:
    return node_path(data / "node-python", python=options.node_python, environment=environment)


def _require_free_ports(options: StackOptions) -> None:
    require_free(options.functions_port, what="the Functions host", option="--functions-port")
    require_free(options.batch_port, what="the fake Azure Batch", option="--batch-port")
    require_free(options.blob_port, what="Azurite's blobs", option="--blob-port")
    require_free(options.queue_port, what="Azurite's queues", option="--queue-port")


def _create(directory: Path) -> Path:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StackError(f"Cannot keep data in {directory}: {error.strerror}.") from error
    return directory


def _child_environment() -> dict[str, str]:
    """Return this process's environment, with the directory of its interpreter first on the PATH.

    So Core Tools find the `python3` that has batchmgr installed.
    """
    return os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
