"""The storage queues when somebody else creates or deletes the queues that batchmgr needs, or they fail."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from batchmgr.adapters import pausing_sink
from batchmgr.adapters.queue_names import CALLBACKS, JOB_REQUESTS, POISON, PROGRESS, QUEUES
from batchmgr.adapters.storage_queues import StorageEventSink, StorageJobQueue
from batchmgr.bootstrap import prepare_storage
from batchmgr.errors import ServiceBusyError, ServiceError
from batchmgr.plan.file_specifications import OWN_CONTAINERS
from batchmgr.settings import Settings
from tests.contract.test_event_log import event


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


async def test_a_progress_queue_that_was_deleted_is_created_again_by_the_next_event(
    connection_string: str,
) -> None:
    async with QueueServiceClient.from_connection_string(connection_string) as service:
        sink = StorageEventSink(service)
        await sink.check()
        await sink.send([event("a")])
        await service.delete_queue(PROGRESS)
        await sink.check()
        await sink.send([event("b")])
        found = await service.get_queue_client(PROGRESS).peek_messages(max_messages=32)
        assert len(found) == 1


class Refusing:
    """A queue service that answers with a status, or not at all, and counts the requests."""

    def __init__(self, status: int, code: str = "", *, answers: bool = True) -> None:
        self.requests = 0
        self._status, self._code, self._answers = status, code, answers

    @asynccontextmanager
    async def sink(self) -> AsyncIterator[StorageEventSink]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        async with TestServer(app) as server:
            key = AzureNamedKeyCredential("account", "a2V5")
            url = str(server.make_url("/account"))
            async with QueueServiceClient(url, credential=key, retry_total=0) as service:
                yield StorageEventSink(service)

    async def _answer(self, request: web.Request) -> web.Response:
        self.requests += 1
        if not self._answers:
            await asyncio.sleep(5)
        return web.Response(status=self._status, headers={"x-ms-error-code": self._code})


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "AuthorizationFailure"), (409, "QueueBeingDeleted"), (404, "QueueNotFound"), (413, ""), (503, "")],
)
async def test_a_queue_that_refuses_is_left_alone_for_a_while_and_the_check_says_why(
    status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    refusing = Refusing(status, code)
    async with refusing.sink() as sink:
        for _ in range(3):
            with pytest.raises(ServiceError):
                await sink.send([event("a")])
        asked = refusing.requests
        assert asked <= 3
        with pytest.raises(ServiceError):
            await sink.check()
        assert refusing.requests == asked
    assert caplog.text.count("takes no events, jobs go on without it") == 1


async def test_a_queue_that_does_not_answer_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pausing_sink, "SEND_TIMEOUT", 0.2)
    silent = Refusing(201, answers=False)
    async with silent.sink() as sink:
        for _ in range(20):
            with pytest.raises(ServiceBusyError, match="has not taken the events"):
                await sink.send([event("a")])
        assert silent.requests == 1


async def test_a_queue_that_takes_events_again_is_healthy_again(
    connection_string: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pausing_sink, "PAUSE_AFTER_FAILURE", 0.0)
    async with QueueServiceClient.from_connection_string(connection_string) as service:
        sink = StorageEventSink(service)
        monkeypatch.setattr(pausing_sink, "SEND_TIMEOUT", 0.0)
        with pytest.raises(ServiceBusyError):
            await sink.send([event("a")])
        with pytest.raises(ServiceBusyError):
            await sink.check()
        monkeypatch.setattr(pausing_sink, "SEND_TIMEOUT", 10)
        await sink.send([event("a")])
        await sink.check()
    assert "takes events again" in caplog.text
