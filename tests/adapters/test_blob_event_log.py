"""The event log on append blobs: full parts, and logs of earlier versions."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from azure.storage.blob.aio import BlobClient, BlobServiceClient, ContainerClient

from batchmgr.adapters import blob_event_log as module
from batchmgr.adapters.blob_event_log import MAX_BLOCKS, BlobEventLog
from batchmgr.adapters.log_parts import read_range
from batchmgr.errors import LogChangedError
from batchmgr.model.cloud_event import Event, LogEnd
from tests.contract.test_event_log import event, numbers
from tests.event_log import append


@pytest.fixture
async def container(connection_string: str) -> AsyncIterator[ContainerClient]:
    async with BlobServiceClient.from_connection_string(connection_string) as service:
        yield await service.create_container("events")


def test_a_part_is_full_before_storage_refuses_a_block() -> None:
    assert MAX_BLOCKS <= 49_000 < 50_000


async def test_an_old_log_is_read_and_continued_and_its_offset_is_still_right(
    container: ContainerClient,
) -> None:
    old = b"".join(msgspec.json.encode(event(f"e{n}").numbered(n)) + b"\n" for n in range(1, 6))
    blob = container.get_blob_client("j.jsonl")
    await blob.create_append_blob()
    await blob.append_block(old)
    log = BlobEventLog(container, max_blocks=1)
    assert numbers(await log.read("j", 0, 10)) == [1, 2, 3, 4, 5]
    logged, _ = await append(log, "j", [event("e5"), event("new")], old.rindex(b"\n", 0, -1) + 1)
    assert numbers(logged) == [5, 6]
    assert numbers(await log.read("j", 0, 10)) == [1, 2, 3, 4, 5, 6]


async def test_each_part_takes_its_blocks_and_no_more(container: ContainerClient) -> None:
    log, end = BlobEventLog(container, max_blocks=4), 0
    for number in range(10):
        _, end = await append(log, "Job", [event(str(number))], end)
    found = {}
    async for blob in container.list_blobs():
        properties = await container.get_blob_client(blob.name).get_blob_properties()
        found[blob.name] = properties.append_blob_committed_block_count
    assert found == {"job.jsonl": 4, "job.00002.jsonl": 4, "job.00003.jsonl": 2}


async def test_whoever_does_not_look_at_the_log_leaves_a_full_part_too(container: ContainerClient) -> None:
    log, stale = BlobEventLog(container, max_blocks=2), BlobEventLog(container, max_blocks=2)
    _, first = await append(log, "j", [event("a")], 0)
    _, second = await log.append("j", [event("b")], LogEnd(offset=first, last=1))
    for writer, end in ((stale, LogEnd(offset=first, last=1)), (log, LogEnd(offset=second, last=2))):
        with pytest.raises(LogChangedError):
            await writer.append("j", [event("c")], end)
    _, third = await append(log, "j", [event("c")], second)
    await log.append("j", [event("d")], LogEnd(offset=third, last=3))
    assert numbers(await log.read("j", 0, 9)) == [1, 2, 3, 4]
    assert set(await log.ids("j", first, third)) == {"b", "c"}
    assert [blob.name async for blob in container.list_blobs()] == ["j.00002.jsonl", "j.jsonl"]
    blob = container.get_blob_client("j.jsonl")
    assert (await blob.get_blob_properties()).append_blob_committed_block_count == 2


async def test_an_empty_next_part_continues_the_numbers(container: ContainerClient) -> None:
    log = BlobEventLog(container, max_blocks=1)
    await append(log, "j", [event("a"), event("b")], 0)
    _, end = await append(log, "j", [event("b")], 0)  # creates the next part, and adds nothing
    logged, _ = await append(log, "j", [event("c")], end)
    assert numbers(logged) == [3]
    assert numbers(await log.read("j", 0, 9)) == [1, 2, 3]


async def test_a_part_that_is_filled_while_its_end_is_read_is_read_to_its_new_end(
    container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = BlobEventLog(container, max_blocks=2)
    _, end = await append(log, "j", [event("a")], 0)

    async def others_go_on(blob: BlobClient, start: int, length: int) -> bytes:
        monkeypatch.undo()
        try:
            return await read_range(blob, start, length)  # nothing is there yet
        finally:
            for name in ("b", "c"):
                await append(log, "j", [event(name)], end)

    monkeypatch.setattr(module, "read_range", others_go_on)
    found, offset = list[str](), end
    while True:
        lines, offset = await log.lines("j", offset)
        if not lines:
            break
        found += [msgspec.json.decode(line, type=Event).id for line in lines.splitlines()]
    assert found == ["b", "c"]
