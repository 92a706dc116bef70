"""What is old is found by its time, in real storage."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueServiceClient

from batchmgr.adapters.storage_old_messages import StorageOldMessages
from batchmgr.adapters.storage_queues import StorageEventSink
from batchmgr.bootstrap import open_ports, prepare_storage
from batchmgr.model.retention import Due, Retention
from batchmgr.ports import Ports
from batchmgr.settings import Settings
from tests.contract.test_event_log import event
from tests.contract.test_job_store import record

LATER, BEFORE = timedelta(minutes=1), timedelta(minutes=-1)


@pytest.fixture
async def ports(connection_string: str) -> AsyncIterator[Ports]:
    settings = Settings(storage_connection_string=connection_string, batch_endpoint="http://127.0.0.1:1")
    await prepare_storage(settings)
    async with open_ports(settings) as ports:
        yield ports


@pytest.fixture
async def queues(connection_string: str) -> AsyncIterator[QueueServiceClient]:
    async with QueueServiceClient.from_connection_string(connection_string) as queues:
        yield queues


def at(offset: timedelta) -> datetime:
    return datetime.now(UTC) + offset


async def test_old_messages_are_counted_and_removed_and_new_ones_stay_visible(
    ports: Ports, queues: QueueServiceClient
) -> None:
    old = StorageOldMessages(queues)
    for name, number in (("batchmgr-callbacks-poison", 2), ("batchmgr-polls-poison", 40)):
        for n in range(number):
            await queues.get_queue_client(name).send_message(str(n))
    await queues.get_queue_client("batchmgr-progress-poison").send_message("a consumer's")
    assert await old.count(at(BEFORE)) == await old.remove(at(BEFORE)) == {}
    assert await old.count(at(LATER)) == {"batchmgr-callbacks-poison": 2, "batchmgr-polls-poison": 32}
    assert await old.remove(at(LATER)) == {"batchmgr-callbacks-poison": 2, "batchmgr-polls-poison": 40}
    assert await old.count(at(LATER)) == {}
    assert len(await queues.get_queue_client("batchmgr-progress-poison").peek_messages(32)) == 1


async def test_messages_between_old_ones_that_are_new_are_left(
    ports: Ports, queues: QueueServiceClient
) -> None:
    client = queues.get_queue_client("batchmgr-callbacks-poison")
    await client.send_message("old")
    [first] = await client.peek_messages(1)
    assert first.inserted_on is not None
    boundary = first.inserted_on + timedelta(seconds=1)
    while datetime.now(UTC) < boundary + timedelta(seconds=1):
        await ports.clock.sleep(timedelta(milliseconds=100))
    await client.send_message("new")
    assert await StorageOldMessages(queues).remove(boundary) == {"batchmgr-callbacks-poison": 1}
    assert [message.content for message in await client.peek_messages(5)] == ["new"]


async def test_a_queue_that_is_missing_has_no_old_messages(queues: QueueServiceClient) -> None:
    assert await StorageOldMessages(queues).remove(at(LATER)) == {}


async def test_old_finalize_blobs_and_uploads_are_found(ports: Ports, connection_string: str) -> None:
    await ports.finalize.write("Job-1", "{}")
    assert await ports.finalize.older(at(LATER), 10) == ["Job-1"]
    async with BlobServiceClient.from_connection_string(connection_string) as blobs:
        container = blobs.get_container_client("batchmgr-requests")
        for name in ("a", "b", "c"):
            await container.upload_blob(name, b"{}")
    assert await ports.uploads.older(at(LATER), 2) == ["a", "b"]


async def test_a_record_without_a_date_is_looked_into_after_its_last_change(
    ports: Ports, connection_string: str
) -> None:
    """An earlier version has left it. It may belong to a job that runs."""
    await ports.jobs.create(record(ports))
    [job] = (await ports.ended.page(""))[0]
    assert job.due(Retention(), at(timedelta(days=6))) is Due.NOTHING
    assert job.due(Retention(), at(timedelta(days=8))) is Due.BATCH_JOB


async def test_events_that_nobody_reads_are_gone_after_their_time(
    ports: Ports, queues: QueueServiceClient
) -> None:
    await StorageEventSink(queues, timedelta(days=3)).send([event("a")])
    await StorageEventSink(queues).send([event("b")])
    first, second = await queues.get_queue_client("batchmgr-progress").peek_messages(2)
    assert time_to_live(first) == timedelta(days=3)
    assert time_to_live(second) > timedelta(days=10_000)


def time_to_live(message: QueueMessage) -> timedelta:
    assert message.expires_on is not None
    assert message.inserted_on is not None
    return message.expires_on - message.inserted_on
