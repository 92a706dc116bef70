"""The storage queues when somebody else creates, or has deleted, the queues that batchmgr needs."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from batchmgr.adapters.storage_queues import CALLBACKS, JOB_REQUESTS, POISON, QUEUES, StorageJobQueue
from batchmgr.bootstrap import prepare_storage
from batchmgr.errors import ServiceBusyError
from batchmgr.plan.file_specifications import OWN_CONTAINERS
from batchmgr.settings import Settings


async def test_eight_processes_prepare_the_storage_at_once(connection_string: str) -> None:
    settings = Settings(storage_connection_string=connection_string)
    await asyncio.gather(*(prepare_storage(settings) for _ in range(8)))
    async with QueueServiceClient.from_connection_string(connection_string) as service:
        assert {queue.name async for queue in service.list_queues()} == set(QUEUES)
    async with BlobServiceClient.from_connection_string(connection_string) as blobs:
        assert {container.name async for container in blobs.list_containers()} == OWN_CONTAINERS


async def test_a_queue_that_is_not_there_is_created_and_no_message_of_eight_is_lost(
    connection_string: str,
) -> None:
    async with QueueServiceClient.from_connection_string(connection_string) as service:
        queue = StorageJobQueue(service)
        await asyncio.gather(*(queue.dead_letter_request(f"{n}".encode()) for n in range(8)))
        await asyncio.gather(*(queue.dead_letter_callback(f"job-{n}") for n in range(8)))
        await asyncio.gather(*(queue.enqueue_submission(f"job-{n}") for n in range(8)))
        for name in (JOB_REQUESTS + POISON, CALLBACKS + POISON, JOB_REQUESTS):
            found = await service.get_queue_client(name).peek_messages(max_messages=32)
            assert len({message.content for message in found}) == 8, name


async def test_a_queue_that_is_still_being_deleted_is_tried_again_later_and_does_not_count_as_there() -> None:
    async def being_deleted(request: web.Request) -> web.Response:
        status, code = (404, "QueueNotFound") if request.method == "POST" else (409, "QueueBeingDeleted")
        return web.Response(status=status, headers={"x-ms-error-code": code})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", being_deleted)
    async with TestServer(app) as server:
        key = AzureNamedKeyCredential("account", "a2V5")
        url = str(server.make_url("/account"))
        async with QueueServiceClient(url, credential=key, retry_total=0) as service:
            with pytest.raises(ServiceBusyError, match="QueueBeingDeleted"):
                await StorageJobQueue(service).enqueue_callback("job-1")
