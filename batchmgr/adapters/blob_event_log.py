"""The event log: one append blob per job, one event per line, numbered in the order of the lines.

If two writers append at the same time, one of them fails and starts again: an append is accepted only at the
length that the writer has read.
"""

from collections.abc import Sequence

import msgspec
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.blob.aio import BlobClient, ContainerClient

from batchmgr.adapters.service_errors import ALREADY_THERE, service_errors
from batchmgr.errors import ServiceNotFoundError
from batchmgr.model.cloud_event import Event
from batchmgr.plan.ids import job_key

SERVICE = "Blob storage"
OVERLAP = 64 * 1024
"""How many bytes before an offset to read, so that the last event before it is read too."""

BLOCK = 1024 * 1024
"""How many bytes one append holds, at most."""

CHUNK = 256 * 1024
"""How many bytes one read holds."""


class BlobEventLog:
    """The EventLog port, on a blob container."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    async def append(self, job_id: str, events: Sequence[Event], offset: int) -> tuple[Sequence[Event], int]:
        """Append the events that the log does not hold after `offset`.

        Return all the events, numbered, and the length of the log in bytes.
        """
        blob = self._blob(job_id)
        while True:
            with service_errors(SERVICE):
                start = max(0, offset - OVERLAP)
                tail = await self._tail(blob, start)
                end = start + len(tail)
                lines = _whole_lines(tail, start)
                last = int(_decode(lines[-1][1]).sequence) if lines else 0
                known = {event.id: event for at, line in lines if at >= offset for event in (_decode(line),)}
                fresh = [event for event in events if event.id not in known]
                numbered = [event.numbered(last + 1 + place) for place, event in enumerate(fresh)]
                try:
                    end = await _append_lines(blob, numbered, end)
                except HttpResponseError as error:
                    if error.status_code == 412:  # another writer was faster
                        continue
                    raise
            logged = known | {event.id: event for event in numbered}
            return [logged[event.id] for event in events], end

    async def read(self, job_id: str, after: int, limit: int) -> Sequence[Event]:
        """Return at most `limit` events with a sequence above `after`, oldest first."""
        blob = self._blob(job_id)
        try:
            with service_errors(SERVICE):
                size = (await blob.get_blob_properties()).size
        except ServiceNotFoundError:
            return []
        with service_errors(SERVICE):
            start = await _find_offset(blob, size, after)
            found: list[Event] = []
            rest = b""
            while start < size and len(found) < limit:
                chunk = await _range(blob, start, CHUNK)
                *lines, rest = (rest + chunk).split(b"\n")
                found.extend(e for e in map(_decode, filter(None, lines)) if int(e.sequence) > after)
                start += len(chunk)
        return found[:limit]

    async def _tail(self, blob: BlobClient, start: int) -> bytes:
        try:
            with service_errors(SERVICE):
                return await _range(blob, start, None)
        except ServiceNotFoundError:
            try:
                await blob.create_append_blob(match_condition=MatchConditions.IfMissing)
            except ALREADY_THERE:
                return await _range(blob, start, None)
            return b""

    def _blob(self, job_id: str) -> BlobClient:
        return self._container.get_blob_client(f"{job_key(job_id)}.jsonl")


async def _append_lines(blob: BlobClient, events: Sequence[Event], end: int) -> int:
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
        if error.status_code == 416:  # the blob ends at `start`
            return b""
        raise


async def _find_offset(blob: BlobClient, size: int, after: int) -> int:
    """Return the offset of a line, so that all events above `after` are in that line or later ones."""
    low, high = 0, size
    while high - low > CHUNK:
        middle = (low + high) // 2
        lines = _whole_lines(await _range(blob, middle, OVERLAP), middle)
        if not lines or int(_decode(lines[0][1]).sequence) > after:
            high = middle
        else:
            low = lines[0][0]
    return low


def _whole_lines(data: bytes, start: int) -> list[tuple[int, bytes]]:
    """Return the complete lines of a part of the log, each with its offset. The part begins at `start`."""
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
