"""The search for secrets sees what no queue and no listing shows: else it says nothing to find none."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from batchmgr.devstack.azurite import start_azurite
from batchmgr.devstack.child_processes import ChildProcesses
from batchmgr.devstack.project_paths import PROJECT
from tests.azurite_here import require_azurite
from tests.secret_search import AT_REST, leaks, stored

SECRET = "s3cret-in-storage"
AN_HOUR = 3600


@dataclass(frozen=True, kw_only=True)
class Storage:
    """A storage account of its own, and the folder of its files."""

    blobs: BlobServiceClient
    queues: QueueServiceClient
    folder: Path

    async def found(self) -> list[str]:
        """Return where the secret is."""
        written = [each async for each in stored(self.blobs, self.queues, self.folder)]
        return [text.removeprefix("it is in ") for text in leaks(written, {"it": SECRET}, lambda *_: False)]


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    require_azurite()
    for name in ("azurite", "logs"):
        (tmp_path / name).mkdir()
    processes = ChildProcesses(tmp_path / "logs")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(processes.stop)
        azurite = await start_azurite(
            processes, project=PROJECT, data=tmp_path / "azurite", environment=dict(os.environ)
        )
        text = azurite.connection_string
        blobs = await stack.enter_async_context(BlobServiceClient.from_connection_string(text))
        queues = await stack.enter_async_context(QueueServiceClient.from_connection_string(text))
        yield Storage(blobs=blobs, queues=queues, folder=tmp_path / "azurite")


async def visible(queue: QueueClient) -> None:
    await queue.send_message(SECRET)


async def for_later(queue: QueueClient) -> None:
    await queue.send_message(SECRET, visibility_timeout=AN_HOUR)


async def taken(queue: QueueClient) -> None:
    await queue.send_message(SECRET)
    await queue.receive_message(visibility_timeout=AN_HOUR)


async def behind_many_others(queue: QueueClient) -> None:
    for number in range(40):
        await queue.send_message(f"{number}")
    await queue.send_message(f'{{"uri": "https://host/{SECRET}"}}')


async def test_a_secret_in_a_message_is_found_whoever_sees_it(storage: Storage) -> None:
    await (await storage.queues.create_queue("others")).send_message("harmless")
    ways: dict[str, Callable[[QueueClient], Awaitable[None]]] = {
        "visible": visible,
        "for-later": for_later,
        "taken": taken,
        "behind-many-others": behind_many_others,
    }
    for name, hide in ways.items():
        await hide(await storage.queues.create_queue(name))
    places = await storage.found()
    assert {place for place in places if not place.startswith(AT_REST)} == {f"queue {name}" for name in ways}
    assert [place for place in places if place.startswith(AT_REST)]


async def test_what_was_deleted_or_never_committed_is_found_in_the_files(storage: Storage) -> None:
    queue = await storage.queues.create_queue("queue")
    await queue.delete_message(await queue.send_message(SECRET))
    assert [place.startswith(AT_REST) for place in await storage.found()] == [True]
    container = await storage.blobs.create_container("container")
    await container.get_blob_client("never").stage_block("0001", f"block of {SECRET}".encode())
    assert [place.startswith(AT_REST) for place in await storage.found()] == [True, True]


async def test_where_there_is_no_secret_none_is_found(storage: Storage) -> None:
    await (await storage.queues.create_queue("queue")).send_message("harmless")
    await (await storage.blobs.create_container("container")).upload_blob("blob", b"harmless")
    assert await storage.found() == []
