"""The event log: one append blob a job, one event a line, numbered as they are appended.

Writers compete by the blob's length: an append holds only at the length the writer has seen.
"""

from collections.abc import Sequence

import msgspec
from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.storage.blob.aio import BlobClient, ContainerClient

from batchmgr.adapters.service_errors import service_errors
from batchmgr.model.cloud_event import Event
from batchmgr.plan.ids import job_key

SERVICE = "Blob storage"
LOOK_BACK = 64 * 1024
"""How far before the offset to read, so that the last event before it is among what is read."""

BLOCK = 1024 * 1024
STEP = 256 * 1024


class BlobEventLog:
    """The EventLog port on a blob container."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    async def append(self, job_id: str, events: Sequence[Event], offset: int) -> tuple[Sequence[Event], int]:
        """Add what the log does not hold behind `offset`; all of `events`, numbered, and the log's length."""
        blob = self._blob(job_id)
        while True:
            with service_errors(SERVICE):
                start = max(0, offset - LOOK_BACK)
                tail = await self._tail(blob, start)
                end = start + len(tail)
                lines = _whole_lines(tail, start)
                last = int(_decode(lines[-1][1]).sequence) if lines else 0
                known = {event.id: event for at, line in lines if at >= offset for event in (_decode(line),)}
                fresh = [event for event in events if event.id not in known]
                numbered = [event.numbered(last + 1 + place) for place, event in enumerate(fresh)]
                try:
                    end = await _write(blob, numbered, end)
                except HttpResponseError as error:
                    if error.status_code == 412:  # another writer was first
                        continue
                    raise
            told = known | {event.id: event for event in numbered}
            return [told[event.id] for event in events], end

    async def read(self, job_id: str, after: int, limit: int) -> Sequence[Event]:
        """At most `limit` events after that number."""
        blob = self._blob(job_id)
        with service_errors(SERVICE):
            try:
                size = (await blob.get_blob_properties()).size
            except ResourceNotFoundError:
                return []
            start = await _find(blob, size, after)
            found: list[Event] = []
            rest = b""
            while start < size and len(found) < limit:
                chunk = await _range(blob, start, STEP)
                *lines, rest = (rest + chunk).split(b"\n")
                found.extend(e for e in map(_decode, filter(None, lines)) if int(e.sequence) > after)
                start += len(chunk)
        return found[:limit]

    async def _tail(self, blob: BlobClient, start: int) -> bytes:
        try:
            return await _range(blob, start, None)
        except ResourceNotFoundError:
            try:
                await blob.create_append_blob(match_condition=MatchConditions.IfMissing)
            except ResourceExistsError:
                return await _range(blob, start, None)
            return b""

    def _blob(self, job_id: str) -> BlobClient:
        return self._container.get_blob_client(f"{job_key(job_id)}.jsonl")


async def _write(blob: BlobClient, events: Sequence[Event], end: int) -> int:
    data = b"".join(msgspec.json.encode(event) + b"\n" for event in events)
    while data:
        cut = len(data) if len(data) <= BLOCK else data.rindex(b"\n", 0, BLOCK) + 1
        await blob.append_block(data[:cut], appendpos_condition=end)
        data, end = data[cut:], end + cut
    return end


async def _range(blob: BlobClient, start: int, length: int | None) -> bytes:
    try:
        return await (await blob.download_blob(offset=start, length=length)).readall()
    except HttpResponseError as error:
        if error.status_code == 416:  # nothing is there behind `start`
            return b""
        raise


async def _find(blob: BlobClient, size: int, after: int) -> int:
    """An offset, at the start of a line, behind which everything after that number is found."""
    low, high = 0, size
    while high - low > STEP:
        middle = (low + high) // 2
        lines = _whole_lines(await _range(blob, middle, LOOK_BACK), middle)
        if not lines or int(_decode(lines[0][1]).sequence) > after:
            high = middle
        else:
            low = lines[0][0]
    return low


def _whole_lines(data: bytes, start: int) -> list[tuple[int, bytes]]:
    """The whole lines of a part of the log that begins at `start`, each with its offset."""
    at = 0 if start == 0 else data.find(b"\n") + 1
    if at == 0 and start:
        return []
    lines = []
    while (end := data.find(b"\n", at)) >= 0:
        lines.append((start + at, data[at:end]))
        at = end + 1
    return lines


def _decode(line: bytes) -> Event:
    return msgspec.json.decode(line, type=Event)
