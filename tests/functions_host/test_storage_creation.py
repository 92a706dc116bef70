"""What several creators create at the same time exists afterwards, and nobody fails.

Each race is run ten times, by eight creators.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest
from aiohttp import web
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob.aio import BlobClient, ContainerClient
from azure.storage.queue.aio import QueueClient

from functions_host.blob_enqueuing import ScannedFunction
from functions_host.blob_path_pattern import BlobPathPattern
from functions_host.blob_receipts import BlobReceipts
from functions_host.blob_trigger_queue import BlobTriggerMessage, BlobTriggerQueue
from functions_host.queue_messages import send_message
from functions_host.queue_polling import QueueNotifier
from functions_host.singleton_lease import LeaseTimes, SingletonLease
from functions_host.storage_creation import create_blob, create_container, create_queue
from functions_host.unhandled_errors import UnhandledErrors
from tests.functions_host.conftest import Hosts
from tests.functions_host.storage_account import StorageAccount

T = TypeVar("T")

CREATORS = 8
RACES = 10


async def race(create: Callable[[], Awaitable[T]]) -> list[T]:
    return await asyncio.gather(*(create() for _ in range(CREATORS)))


@pytest.mark.parametrize("number", range(RACES))
async def test_senders_to_a_missing_queue_all_send(storage: StorageAccount, number: int) -> None:
    queue = storage.queues.get_queue_client("raced")
    await race(lambda: send_message(queue, "hello"))
    assert await storage.peek("raced") == ["hello"] * CREATORS


@pytest.mark.parametrize("number", range(RACES))
async def test_the_queue_of_found_blobs_is_created_by_all_who_find_one(
    storage: StorageAccount, number: int
) -> None:
    queue = BlobTriggerQueue(storage.queues.get_queue_client("found"), QueueNotifier())
    message = BlobTriggerMessage(function_id="f", container="c", blob="b", etag='"e"')
    await race(lambda: queue.enqueue(message))
    assert await storage.count("found") == CREATORS


@pytest.mark.parametrize("number", range(RACES))
async def test_queues_and_containers_can_be_created_by_several(storage: StorageAccount, number: int) -> None:
    queue = storage.queues.get_queue_client("raced")
    container = storage.blobs.get_container_client("raced")
    await race(lambda: create_queue(queue))
    await race(lambda: create_container(container))
    assert await container.exists()


@pytest.mark.parametrize("number", range(RACES))
async def test_one_of_several_creates_a_blob(storage: StorageAccount, number: int) -> None:
    blob = storage.blobs.get_blob_client("results", "raced")
    assert sorted(await race(lambda: create_blob(blob))) == [False] * (CREATORS - 1) + [True]


@pytest.mark.parametrize("number", range(RACES))
async def test_one_of_several_gets_a_lease_that_nobody_had(storage: StorageAccount, number: int) -> None:
    container = storage.blobs.get_container_client("results")
    errors = UnhandledErrors()
    leases = [SingletonLease(container, "lock", times=LeaseTimes(), errors=errors) for _ in range(CREATORS)]
    await asyncio.gather(*(lease.start() for lease in leases))
    assert [lease.held.is_set() for lease in leases].count(True) == 1
    assert errors.messages == []
    await asyncio.gather(*(lease.stop() for lease in leases))


@pytest.mark.parametrize("number", range(RACES))
async def test_one_of_several_creates_a_receipt_and_its_container(
    storage: StorageAccount, number: int
) -> None:
    container = storage.blobs.get_container_client("receipts")
    receipts = BlobReceipts(container, "host", "f")
    created = await race(lambda: receipts.of("c", "b", '"e"').create())
    assert sorted(created) == [False] * (CREATORS - 1) + [True]
    assert len(await storage.names("receipts")) == 1


@pytest.mark.parametrize("number", range(RACES))
async def test_a_blob_that_several_hosts_find_at_once_is_enqueued_once(
    storage: StorageAccount, number: int
) -> None:
    await storage.upload("results", "a", "")

    def host() -> ScannedFunction:
        return ScannedFunction(
            function_id="f",
            blobs=storage.blobs,
            pattern=BlobPathPattern.parse("results/{name}"),
            receipts=BlobReceipts(storage.blobs.get_container_client("receipts"), "host", "f"),
            queue=BlobTriggerQueue(storage.queues.get_queue_client("found"), QueueNotifier()),
        )

    assert True in await race(lambda: host().enqueue("a"))
    assert await host().enqueue("a")
    assert await storage.count("found") == 1


@pytest.mark.parametrize("number", range(RACES))
async def test_two_hosts_can_start_on_an_empty_account(
    storage: StorageAccount, running_host: Hosts, number: int
) -> None:
    async def start() -> None:
        async with running_host():
            pass

    await asyncio.gather(start(), start())
    assert await storage.blobs.get_container_client("azure-webjobs-hosts").exists()


async def test_a_leased_blob_counts_as_existing(storage: StorageAccount) -> None:
    blob = storage.blobs.get_blob_client("results", "lock")
    await create_blob(blob)
    await blob.acquire_lease(15)
    assert not await create_blob(blob)


async def test_a_blob_in_a_missing_container_cannot_be_created(storage: StorageAccount) -> None:
    with pytest.raises(ResourceNotFoundError):
        await create_blob(storage.blobs.get_blob_client("missing", "blob"))


@asynccontextmanager
async def storage_answering(*, put: str) -> AsyncIterator[str]:
    """Run a storage service whose queues are missing and where a PUT gets a 409 with this error code."""

    async def answer(request: web.Request) -> web.Response:
        is_put = request.method == "PUT"
        return web.Response(
            status=409 if is_put else 404, headers={"x-ms-error-code": put if is_put else "QueueNotFound"}
        )

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/account"
    finally:
        await runner.cleanup()


KEY = {"account_name": "account", "account_key": base64.b64encode(b"key").decode()}


async def test_a_queue_that_is_being_deleted_is_not_taken_for_one_that_exists() -> None:
    async with (
        storage_answering(put="QueueBeingDeleted") as url,
        QueueClient(url, "gone", credential=KEY) as queue,
    ):
        with pytest.raises(ResourceExistsError, match="QueueBeingDeleted"):
            await send_message(queue, "hello")


async def test_a_container_that_is_being_deleted_is_not_taken_for_one_that_exists() -> None:
    async with (
        storage_answering(put="ContainerBeingDeleted") as url,
        ContainerClient(url, "gone", credential=KEY) as container,
        BlobClient(url, "gone", "blob", credential=KEY) as blob,
    ):
        with pytest.raises(ResourceExistsError, match="ContainerBeingDeleted"):
            await create_container(container)
        with pytest.raises(ResourceExistsError, match="ContainerBeingDeleted"):
            await create_blob(blob)
