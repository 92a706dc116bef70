"""The composition root: opens the adapters that the settings ask for, as the ports of the use cases."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from batchmgr.adapters import storage_queues
from batchmgr.adapters.app_identity import AppIdentity
from batchmgr.adapters.azure_batch import AzureBatch
from batchmgr.adapters.batch_clients import BatchClient, open_client
from batchmgr.adapters.blob_event_log import BlobEventLog
from batchmgr.adapters.blob_finalize_signal import BlobFinalizeSignal
from batchmgr.adapters.blob_job_files import BlobJobFiles
from batchmgr.adapters.blob_job_store import BlobJobStore
from batchmgr.adapters.blob_line import BlobLine
from batchmgr.adapters.blob_uploads import BlobUploads
from batchmgr.adapters.bounded_clients import blob_options, queue_options
from batchmgr.adapters.http_callback import HttpCallbackSender
from batchmgr.adapters.service_errors import create_unless_exists, service_errors
from batchmgr.adapters.storage_queues import StorageEventSink, StorageJobQueue, StoragePoisonQueues
from batchmgr.adapters.storage_signatures import NodeBlobStorage
from batchmgr.adapters.system_clock import SystemClock
from batchmgr.adapters.telemetry import start_telemetry
from batchmgr.adapters.workload_registry import WorkloadRegistry
from batchmgr.adapters.workload_threads import LimitedThreads
from batchmgr.errors import SettingsError
from batchmgr.model.telemetry_names import LogLine
from batchmgr.plan.file_specifications import (
    EVENTS_CONTAINER,
    FINALIZE_CONTAINER,
    JOBS_CONTAINER,
    OWN_CONTAINERS,
    REQUESTS_CONTAINER,
)
from batchmgr.ports import NodeStorageView, Ports
from batchmgr.settings import SCHEDULE, STORAGE, Settings, telemetry_options
from batchmgr.telemetry_port import NoTelemetry, Telemetry

logger = logging.getLogger(__name__)


@asynccontextmanager
async def open_ports(settings: Settings, telemetry: Telemetry | None = None) -> AsyncIterator[Ports]:
    """Open all ports, and close their connections at the end. Raise SettingsError for a wrong setting."""
    settings.check()
    telemetry = telemetry or NoTelemetry()
    async with AsyncExitStack() as stack:
        blobs = await open_blob_service(settings, stack, telemetry)
        queues = await open_queue_service(settings, stack, telemetry)
        batch = await open_batch_client(settings, stack, telemetry)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        account_key = getattr(blobs.credential, "account_key", "")
        yield Ports(
            clock=SystemClock(),
            batch=AzureBatch(batch),
            jobs=BlobJobStore(blobs.get_container_client(JOBS_CONTAINER)),
            line=BlobLine(blobs.get_container_client(JOBS_CONTAINER)),
            events=BlobEventLog(blobs.get_container_client(EVENTS_CONTAINER)),
            sink=StorageEventSink(queues),
            queue=StorageJobQueue(queues),
            finalize=BlobFinalizeSignal(blobs.get_container_client(FINALIZE_CONTAINER)),
            files=BlobJobFiles(blobs),
            storage=NodeBlobStorage(blobs, account_key, settings.node_identity),
            callbacks=HttpCallbackSender(
                session,
                hosts=settings.callback_hosts,
                allow_loopback=settings.allow_loopback_callbacks,
                key=settings.callback_key,
                telemetry=telemetry,
            ),
            workloads=WorkloadRegistry(named=settings.workloads),
            threads=LimitedThreads(),
            uploads=BlobUploads(blobs, REQUESTS_CONTAINER, account_key),
            poison=StoragePoisonQueues(queues, telemetry),
            default_pool_id=settings.default_pool_id,
            body_limit=settings.body_limit,
            stall_limit=settings.stall_limit,
            fair_share=settings.fair_share,
            telemetry=telemetry,
        )


@asynccontextmanager
async def open_node_storage(settings: Settings) -> AsyncIterator[NodeStorageView]:
    """Open only the storage that nodes reach. Raise SettingsError if no storage is configured."""
    settings.check_storage()
    async with AsyncExitStack() as stack:
        blobs = await open_blob_service(settings, stack, NoTelemetry())
        yield NodeBlobStorage(blobs, getattr(blobs.credential, "account_key", ""), settings.node_identity)


async def prepare_storage(settings: Settings) -> None:
    """Create the queues and containers that batchmgr uses, unless they exist."""
    async with AsyncExitStack() as stack:
        blobs = await open_blob_service(settings, stack, NoTelemetry())
        queues = await open_queue_service(settings, stack, NoTelemetry())
        await asyncio.gather(
            *(_create(blobs.create_container, name) for name in OWN_CONTAINERS),
            *(_create(queues.create_queue, name) for name in storage_queues.QUEUES),
        )


class Runtime:
    """The ports of the function app. The first call opens them, on the event loop of the worker.

    `problem` is what is wrong with the settings. Then every call raises it, and the first logs it.
    """

    def __init__(self, settings: Settings, problem: SettingsError | None = None) -> None:
        self.settings = settings
        self._problem = problem
        self._is_logged = False
        self.telemetry: Telemetry | None = None
        self._stack = AsyncExitStack()
        self._opening: asyncio.Task[Ports] | None = None

    async def ports(self) -> Ports:
        """Return the ports. Concurrent first calls share one attempt. After a failure, the next retries."""
        try:
            if self._problem is not None:
                self._start_telemetry()  # so that the problem is exported, too
                raise self._problem.with_traceback(None)
            return await self._opened()
        except SettingsError as error:
            if not self._is_logged:
                logger.error(
                    "batchmgr is not configured, and does nothing: %s",
                    error,
                    extra=LogLine.NOT_CONFIGURED.attributes,
                )
            self._is_logged = True
            raise

    async def _opened(self) -> Ports:
        if self._opening is None or (self._opening.done() and self._opening.exception()):
            self._opening = asyncio.create_task(self._open())
        return await asyncio.shield(self._opening)

    async def _open(self) -> Ports:
        telemetry = self._start_telemetry()
        async with AsyncExitStack() as opening:  # what a failed attempt has opened is closed
            ports = await opening.enter_async_context(open_ports(self.settings, telemetry))
            await prepare_storage(self.settings)
            self._stack = opening.pop_all()
        return ports

    def _start_telemetry(self) -> Telemetry:
        """Start the export once, however often the ports are opened: each start has threads of its own."""
        if self.telemetry is None:
            self.telemetry = start_telemetry(self.settings.telemetry)
        return self.telemetry


def load_runtime(environment: Mapping[str, str]) -> Runtime:
    """Return the runtime for these variables. Wrong settings are told when it is used, not here.

    The app must be indexed in any case: else the host has no functions, and nothing says why.
    """
    try:
        settings = Settings.from_environment(environment)
    except SettingsError as error:
        return Runtime(Settings(telemetry=telemetry_options(environment)), error)
    if not environment.get(SCHEDULE, "").strip():
        return Runtime(settings, SettingsError(f"set {SCHEDULE}: without it no job is polled"))
    return Runtime(settings)


async def _create(create: Callable[[str], Awaitable[object]], name: str) -> None:
    with service_errors("Storage"):
        await create_unless_exists(create(name))


async def open_batch_client(settings: Settings, stack: AsyncExitStack, telemetry: Telemetry) -> BatchClient:
    """Open a client of the Batch account, until the stack is closed."""
    if settings.batch_key:
        key = AzureNamedKeyCredential(settings.batch_account, settings.batch_key)
        client = open_client(settings.batch_endpoint, key, telemetry)
    else:
        client = open_client(settings.batch_endpoint, await open_identity(settings, stack), telemetry)
    return await stack.enter_async_context(client)


async def open_blob_service(
    settings: Settings, stack: AsyncExitStack, telemetry: Telemetry
) -> BlobServiceClient:
    """Open a client of the blob service. Raise SettingsError if the connection string is none."""
    if settings.storage_connection_string:
        text = settings.storage_connection_string
        try:
            client = BlobServiceClient.from_connection_string(text, **blob_options(telemetry))
        except ValueError as error:  # its text may contain the key
            raise SettingsError(f"{STORAGE} is not a connection string") from error
    else:
        identity = await open_identity(settings, stack)
        client = BlobServiceClient(settings.blob_service_uri, identity, **blob_options(telemetry))
    return await stack.enter_async_context(client)


async def open_queue_service(
    settings: Settings, stack: AsyncExitStack, telemetry: Telemetry
) -> QueueServiceClient:
    """Open a client of the queue service. Raise SettingsError if the connection string has none."""
    if settings.storage_connection_string:
        text = settings.storage_connection_string
        try:
            client = QueueServiceClient.from_connection_string(text, **queue_options(telemetry))
        except ValueError as error:  # its text may contain the key
            raise SettingsError(f"{STORAGE} is not a connection string, or lacks the queues") from error
    else:
        client = QueueServiceClient(
            settings.queue_service_uri, await open_identity(settings, stack), **queue_options(telemetry)
        )
    return await stack.enter_async_context(client)


async def open_identity(settings: Settings, stack: AsyncExitStack) -> AsyncTokenCredential:
    """Open the identity that the settings name; on a developer's machine, who is signed in."""
    # Imported here, because it adds a third of a second to a cold start, and is not needed with keys.
    from azure.identity.aio import DefaultAzureCredential

    client_id = settings.identity_client_id or None
    credential = DefaultAzureCredential(managed_identity_client_id=client_id)
    return await stack.enter_async_context(AppIdentity(credential))
