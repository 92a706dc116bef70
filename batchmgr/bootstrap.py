"""The composition root: opens the adapters that the settings ask for, as the ports of the use cases."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from azure.core.credentials import AzureNamedKeyCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from batchmgr.adapters import queue_names
from batchmgr.adapters.app_identity import AppIdentity
from batchmgr.adapters.azure_batch import AzureBatch
from batchmgr.adapters.batch_clients import BatchClient, open_client
from batchmgr.adapters.batch_task_files import BatchTaskFiles
from batchmgr.adapters.blob_dead_letters import BlobDeadLetters
from batchmgr.adapters.blob_ended_jobs import BlobEndedJobs
from batchmgr.adapters.blob_event_log import BlobEventLog
from batchmgr.adapters.blob_failures import BlobFailures
from batchmgr.adapters.blob_finalize_signal import BlobFinalizeSignal
from batchmgr.adapters.blob_job_files import BlobJobFiles
from batchmgr.adapters.blob_job_list import BlobJobList
from batchmgr.adapters.blob_job_store import BlobJobStore
from batchmgr.adapters.blob_kept_files import BlobKeptFiles
from batchmgr.adapters.blob_line import BlobLine
from batchmgr.adapters.blob_links import StorageLinks
from batchmgr.adapters.blob_timelines import BlobTimelines
from batchmgr.adapters.blob_uploads import BlobUploads
from batchmgr.adapters.blob_webhook_statuses import BlobWebhookStatuses
from batchmgr.adapters.bounded_clients import blob_options, queue_options
from batchmgr.adapters.callback_workers import MOST_AT_ONCE, CallbackWorkers
from batchmgr.adapters.http_callback import HttpCallbackSender, callback_session
from batchmgr.adapters.job_followers import JobFollowers
from batchmgr.adapters.price_file import load_prices
from batchmgr.adapters.service_errors import create_unless_exists, service_errors
from batchmgr.adapters.signing_account import SigningAccount
from batchmgr.adapters.storage_old_messages import StorageOldMessages
from batchmgr.adapters.storage_queues import StorageEventSink, StorageJobQueue, StoragePoisonQueues
from batchmgr.adapters.storage_signatures import NodeBlobStorage
from batchmgr.adapters.system_clock import SystemClock
from batchmgr.adapters.workload_registry import WorkloadRegistry
from batchmgr.adapters.workload_threads import LimitedThreads
from batchmgr.errors import SettingsError
from batchmgr.plan.container_rules import ContainerRules
from batchmgr.plan.file_specifications import (
    EVENTS_CONTAINER,
    FINALIZE_CONTAINER,
    JOBS_CONTAINER,
    OWN_CONTAINERS,
    REQUESTS_CONTAINER,
)
from batchmgr.ports import Ports
from batchmgr.queue_ports import EventSink
from batchmgr.settings import STORAGE, Settings
from batchmgr.storage_ports import NodeStorageView
from batchmgr.telemetry_port import NoTelemetry, Telemetry

if TYPE_CHECKING:
    from azure.eventgrid.aio import EventGridPublisherClient


@asynccontextmanager
async def open_ports(settings: Settings, telemetry: Telemetry | None = None) -> AsyncIterator[Ports]:
    """Open all ports, and close their connections at the end. Raise SettingsError for a wrong setting."""
    settings.check()
    telemetry = telemetry or NoTelemetry()
    async with AsyncExitStack() as stack:
        blobs = await open_blob_service(settings, stack, telemetry)
        queues = await open_queue_service(settings, stack, telemetry)
        batch = await open_batch_client(settings, stack, telemetry)
        rules = settings.callback_rules
        session = await stack.enter_async_context(callback_session(rules, MOST_AT_ONCE))
        account = SigningAccount(blobs)
        data = await open_data_account(settings, stack, telemetry)
        clock, jobs = SystemClock(), BlobJobStore(blobs.get_container_client(JOBS_CONTAINER))
        yield Ports(
            clock=clock,
            batch=AzureBatch(batch),
            jobs=jobs,
            followers=await stack.enter_async_context(JobFollowers(jobs, clock)),
            line=BlobLine(blobs.get_container_client(JOBS_CONTAINER)),
            timelines=BlobTimelines(blobs.get_container_client(JOBS_CONTAINER)),
            listing=BlobJobList(blobs.get_container_client(JOBS_CONTAINER)),
            events=BlobEventLog(blobs.get_container_client(EVENTS_CONTAINER)),
            sink=await open_sink(settings, stack, queues),
            queue=StorageJobQueue(queues),
            finalize=BlobFinalizeSignal(blobs.get_container_client(FINALIZE_CONTAINER)),
            files=BlobJobFiles(blobs),
            node_files=BatchTaskFiles(batch),
            kept_files=BlobKeptFiles(blobs),
            links=StorageLinks(account, data),
            failures=BlobFailures(blobs.get_container_client(JOBS_CONTAINER)),
            storage=NodeBlobStorage(account, settings.node_identity, data),
            callbacks=HttpCallbackSender(
                session, rules=rules, key=settings.callback_key, telemetry=telemetry
            ),
            deliveries=await stack.enter_async_context(CallbackWorkers()),
            webhooks=BlobWebhookStatuses(blobs.get_container_client(JOBS_CONTAINER)),
            workloads=WorkloadRegistry(named=settings.workloads),
            threads=LimitedThreads(),
            uploads=BlobUploads(account, REQUESTS_CONTAINER),
            poison=StoragePoisonQueues(queues, telemetry),
            dead_letters=BlobDeadLetters(blobs.get_container_client(JOBS_CONTAINER)),
            callback_attempts=settings.callback_attempts,
            ended=BlobEndedJobs(blobs.get_container_client(JOBS_CONTAINER)),
            old_messages=StorageOldMessages(queues),
            default_pool_id=settings.default_pool_id,
            containers=ContainerRules(
                allowed=settings.containers, endpoint=blobs.url, has_data_account=data is not None
            ),
            keep_streams=settings.keep_streams,
            body_limit=settings.body_limit,
            stall_limit=settings.stall_limit,
            keep=settings.keep,
            fair_share=settings.fair_share,
            prices=await load_prices(settings.prices, blobs),
            telemetry=telemetry,
        )


@asynccontextmanager
async def open_node_storage(settings: Settings) -> AsyncIterator[NodeStorageView]:
    """Open only the storage that nodes reach. Raise SettingsError if no storage is configured."""
    settings.check_storage()
    async with AsyncExitStack() as stack:
        blobs = await open_blob_service(settings, stack, NoTelemetry())
        data = await open_data_account(settings, stack, NoTelemetry())
        yield NodeBlobStorage(SigningAccount(blobs), settings.node_identity, data)


async def prepare_storage(settings: Settings) -> None:
    """Create the queues and containers that batchmgr uses, unless they exist."""
    async with AsyncExitStack() as stack:
        blobs = await open_blob_service(settings, stack, NoTelemetry())
        queues = await open_queue_service(settings, stack, NoTelemetry())
        await asyncio.gather(
            *(_create(blobs.create_container, name) for name in OWN_CONTAINERS),
            *(_create(queues.create_queue, name) for name in queue_names.QUEUES),
        )


async def _create(create: Callable[[str], Awaitable[object]], name: str) -> None:
    with service_errors("Storage"):
        await create_unless_exists(create(name))


async def open_batch_client(settings: Settings, stack: AsyncExitStack, telemetry: Telemetry) -> BatchClient:
    """Open a client of the Batch account, until the stack is closed. Raise SettingsError for a wrong key."""
    if settings.batch_key:
        key = AzureNamedKeyCredential(settings.batch_account, settings.batch_key)
        try:
            client = open_client(settings.batch_endpoint, key, telemetry)
        except ValueError as error:
            raise SettingsError("BATCHMGR_BATCH_KEY is not a key: keys are base64") from error
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


async def open_data_account(
    settings: Settings, stack: AsyncExitStack, telemetry: Telemetry
) -> SigningAccount | None:
    """Open the storage account for data, until the stack is closed; None if there is no other for it."""
    text, uri = settings.data_connection_string, settings.data_service_uri
    if not text and not uri:
        return None
    if text:
        try:
            client = BlobServiceClient.from_connection_string(text, **blob_options(telemetry))
        except ValueError as error:  # its text may contain the key
            raise SettingsError("BATCHMGR_DATA_STORAGE is not a connection string") from error
    else:
        client = BlobServiceClient(uri, await open_identity(settings, stack), **blob_options(telemetry))
    return SigningAccount(await stack.enter_async_context(client))


async def open_sink(settings: Settings, stack: AsyncExitStack, queues: QueueServiceClient) -> EventSink:
    """Open the places that events are sent to: the progress queue, and the topic if there is one."""
    progress = StorageEventSink(queues, settings.keep.messages)
    if not settings.event_topic:
        return progress
    from batchmgr.adapters.event_grid_topic import EventGridTopic, EventSinks

    topic = EventGridTopic(await open_publisher(settings, stack), settings.event_topic)
    return EventSinks(progress, topic)


async def open_publisher(settings: Settings, stack: AsyncExitStack) -> "EventGridPublisherClient":
    """Open a client of the topic that events are sent to, until the stack is closed."""
    # Imported here, because few apps have a topic.
    from azure.eventgrid.aio import EventGridPublisherClient

    identity = await open_identity(settings, stack)
    client = EventGridPublisherClient(settings.event_topic, identity, retry_total=1)
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
