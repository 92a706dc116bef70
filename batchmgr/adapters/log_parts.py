"""The append blobs of an event log: how they are read, whole or from some offset on."""

from collections.abc import AsyncIterator

import msgspec
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobProperties
from azure.storage.blob.aio import BlobClient

from batchmgr.model.cloud_event import Event
from batchmgr.wire.json_codec import prepare
from batchmgr.wire.layout import FIELD, FIRST, check_layout

OVERLAP = 64 * 1024
"""How many bytes before an offset to read, so that the last event before it is read too."""

CHUNK = 256 * 1024
"""How many bytes one read holds."""

prepare(Event)


async def lines_between(blob: BlobClient, start: int, end: int) -> AsyncIterator[bytes]:
    """Yield the lines of a part from one offset to another. A line begins at `start`."""
    rest = b""
    while start < end:
        chunk = await read_range(blob, start, min(CHUNK, end - start))
        start += len(chunk)
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line:
                yield line


async def read_from(blob: BlobClient, start: int) -> tuple[bytes, int]:
    """Return the content of an append blob from `start` on, and its number of blocks."""
    try:
        stream = await blob.download_blob(offset=start)
        _check(stream.properties)
        return await stream.readall(), stream.properties.append_blob_committed_block_count or 0
    except HttpResponseError as error:
        if error.status_code == 416:  # the blob ends at `start`
            return b"", (await blob.get_blob_properties()).append_blob_committed_block_count or 0
        raise


async def read_range(blob: BlobClient, start: int, length: int) -> bytes:
    """Return some bytes of an append blob: fewer at its end."""
    stream = await blob.download_blob(offset=start, length=length)
    _check(stream.properties)
    return await stream.readall()


def _check(part: BlobProperties) -> None:
    """Raise NewerLayoutError for a part of a log that a later version of batchmgr has begun."""
    number = (part.metadata or {}).get(FIELD, "")
    check_layout(int(number) if number.isdecimal() else FIRST, f"the event log {part.name}")


async def find_offset(blob: BlobClient, size: int, after: int) -> int:
    """Return the offset of a line, so that all events above `after` are in that line or later ones."""
    low, high = 0, size
    while high - low > CHUNK:
        middle = (low + high) // 2
        lines = whole_lines(await read_range(blob, middle, OVERLAP), middle)
        if not lines or int(decode_event(lines[0][1]).sequence) > after:
            high = middle
        else:
            low = lines[0][0]
    return low


def whole_lines(data: bytes, start: int) -> list[tuple[int, bytes]]:
    """Return the complete lines of a part of the log, each with its offset. The part begins at `start`."""
    at = 0 if start == 0 else data.find(b"\n") + 1
    if at == 0 and start:
        return []
    lines = []
    while (end := data.find(b"\n", at)) >= 0:
        lines.append((start + at, data[at:end]))
        at = end + 1
    return lines


def decode_event(line: bytes) -> Event:
    """Return the event in a line."""
    return msgspec.json.decode(line, type=Event)
