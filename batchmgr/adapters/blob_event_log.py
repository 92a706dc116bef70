"""The event log: append blobs, one event per line, numbered in the order of the lines.

A job's log begins in `{job}.jsonl`. An append blob takes 50,000 blocks: before that, the log continues in
`{job}.00002.jsonl`, and so on. A part that is full is never appended to again.

If two writers append at the same time, one of them fails: an append is accepted only at the length that the
writer has read.
"""

from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

import msgspec
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.blob.aio import BlobClient, ContainerClient

from batchmgr.adapters.log_parts import (
    OVERLAP,
    decode_event,
    find_offset,
    lines_between,
    read_from,
    read_range,
    whole_lines,
)
from batchmgr.adapters.recent_event_ids import RecentEventIds
from batchmgr.adapters.service_errors import ALREADY_THERE, delete_if_there, service_errors
from batchmgr.errors import LogChangedError, ServiceNotFoundError, ServiceRefusedError
from batchmgr.model.cloud_event import Event, LogEnd
from batchmgr.model.size_limits import MAX_EVENT
from batchmgr.plan.ids import job_key
from batchmgr.wire.json_codec import prepare
from batchmgr.wire.layout import FIELD, LAYOUT

SERVICE = "Blob storage"
MAX_BLOCKS = 49_000
"""After so many blocks a part is full. An append blob takes 50,000."""

BLOCK = 4 * 1024 * 1024
"""How many bytes one append holds, at most."""

ENCODED_AT_ONCE = BLOCK // MAX_EVENT
"""So many events always fit into a block."""

STRIDE = 8 * 1024 * 1024
"""How many bytes one read holds of those that read all."""

OUT_OF_RANGE = 416

NOT_AT_ITS_END = ("AppendPositionConditionNotMet", "BlobNotFound", "BlockCountExceedsLimit")
"""Codes for an append at a place where a log does not go on: another process has appended or deleted it.

Or it goes on in a part that is still to be created; or an earlier version has left a part that is full.
Source: https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
"""


class _EventId(msgspec.Struct):
    """An event of which only the id is read."""

    id: str


prepare(Event, _EventId)

_encode_lines = msgspec.json.Encoder().encode_lines

PART_BITS = 40
"""An offset is the number of the part, from 0, and the offset in it: a part has less than 2^38 bytes."""


@dataclass(frozen=True)
class _Tail:
    """The end of one part: its complete lines, each with its offset, its length, and its number of blocks."""

    lines: Sequence[tuple[int, bytes]]
    end: int
    blocks: int


class BlobEventLog:
    """The EventLog port, on a blob container."""

    def __init__(self, container: ContainerClient, max_blocks: int = MAX_BLOCKS) -> None:
        self._container = container
        self._max_blocks = max_blocks
        self._recent = RecentEventIds()

    async def end(self, job_id: str, offset: int) -> LogEnd:
        """Return where the log ends, with the events after `offset`. Create the part that goes on there."""
        part, start = offset >> PART_BITS, offset & ((1 << PART_BITS) - 1)
        last = 0
        after: list[Event] = []
        with service_errors(SERVICE):
            while True:
                tail = await self._tail(self._blob(job_id, part), start)
                after += [decode_event(line) for at, line in tail.lines if at >= start]
                if tail.lines:
                    last = int(decode_event(tail.lines[-1][1]).sequence)
                elif part and not last:
                    last = await self._last_number(job_id, part - 1)
                if tail.blocks < self._max_blocks:
                    return LogEnd(offset=(part << PART_BITS) + tail.end, last=last, after=after)
                part, start = part + 1, 0

    async def append(self, job_id: str, events: Sequence[Event], end: LogEnd) -> tuple[Sequence[Event], int]:
        """Append the events, some megabytes a call. Raise LogChangedError if the log does not go on there.

        If the part is full then, the log ends where the next one will begin: so nobody goes on in this one.
        """
        numbered = [event.numbered(end.last + place) for place, event in enumerate(events, 1)]
        part, place = end.offset >> PART_BITS, end.offset & ((1 << PART_BITS) - 1)
        blocks = 0
        with service_errors(SERVICE):
            for block, ids in _blocks(numbered):
                try:
                    appended = await self._blob(job_id, part).append_block(
                        BytesIO(block), length=len(block), appendpos_condition=place
                    )
                except HttpResponseError as error:
                    if getattr(error, "error_code", None) not in NOT_AT_ITS_END:
                        raise
                    raise LogChangedError(f"the log of {job_id!r} does not go on there") from error
                start = (part << PART_BITS) + place
                place += len(block)
                self._recent.add(job_key(job_id), start, start + len(block), ids)
                blocks = int(str(appended["blob_committed_block_count"] or 0))
        if blocks >= self._max_blocks:
            part, place = part + 1, 0
        return numbered, (part << PART_BITS) + place

    async def ids(self, job_id: str, start: int, end: int) -> Collection[str]:
        """Return the ids of the events from one offset up to another. Read the log if they are not known."""
        if start >= end:
            return ()
        known = self._recent.between(job_key(job_id), start, end)
        if known is not None:
            return known
        ids: list[str] = []
        with service_errors(SERVICE):
            for part in range(start >> PART_BITS, (end >> PART_BITS) + 1):
                base = part << PART_BITS
                blob = self._blob(job_id, part)
                first = max(start - base, 0)
                last = end - base if end >> PART_BITS == part else (await blob.get_blob_properties()).size
                async for line in lines_between(blob, first, last):
                    ids.append(msgspec.json.decode(line, type=_EventId).id)
        self._recent.add(job_key(job_id), start, end, ids)
        return set(ids)

    async def read(self, job_id: str, after: int, limit: int) -> Sequence[Event]:
        """Return at most `limit` events with a sequence above `after`, oldest first."""
        try:
            with service_errors(SERVICE):
                sizes = await self._sizes(job_id)
                first = await self._part_after(job_id, sizes, after)
                found: list[Event] = []
                for part in range(first, len(sizes)):
                    async for event in self._events(job_id, part, sizes[part], after):
                        found.append(event)
                        if len(found) >= limit:
                            return found
        except ServiceNotFoundError:
            return []
        return found

    async def lines(self, job_id: str, offset: int) -> tuple[bytes, int]:
        """Return whole lines from an offset on, and where they end. One call reads 8 MiB of one part."""
        part, start = offset >> PART_BITS, offset & ((1 << PART_BITS) - 1)
        while True:
            lines = await self._whole_lines(job_id, part, start)
            if not lines:
                with service_errors(SERVICE):
                    if not await self._blob(job_id, part + 1).exists():
                        return b"", offset
                # The part is full. Something may have been added to it since it was read.
                lines = await self._whole_lines(job_id, part, start)
            if lines:
                return lines, (part << PART_BITS) + start + len(lines)
            part, start = part + 1, 0

    async def _whole_lines(self, job_id: str, part: int, start: int) -> bytes:
        """Return whole lines of a part, some megabytes of them; nothing at its end, or if it is not there."""
        try:
            with service_errors(SERVICE):
                data = await read_range(self._blob(job_id, part), start, STRIDE)
        except ServiceNotFoundError:
            return b""
        except ServiceRefusedError as error:
            if error.status != OUT_OF_RANGE:
                raise
            return b""
        return data[: data.rfind(b"\n") + 1]

    async def delete(self, job_id: str) -> None:
        """Delete all parts of a log."""
        self._recent.forget(job_key(job_id))
        with service_errors(SERVICE):
            names = [blob.name async for blob in self._container.list_blobs(f"{job_key(job_id)}.")]
        for name in names:
            await delete_if_there(self._container.get_blob_client(name).delete_blob(), SERVICE)

    async def _last_number(self, job_id: str, part: int) -> int:
        """Return the number of the last event of a part that is full."""
        blob = self._blob(job_id, part)
        tail = await self._tail(blob, (await blob.get_blob_properties()).size)
        return int(decode_event(tail.lines[-1][1]).sequence)

    async def _tail(self, blob: BlobClient, start: int) -> _Tail:
        """Return the lines from `start` on, and the last one before. Create a part that is missing."""
        if start == 0 and await self._is_created(blob):
            return _Tail((), 0, 0)
        before = OVERLAP
        while True:
            begin = max(0, start - before)
            try:
                with service_errors(SERVICE):
                    data, blocks = await read_from(blob, begin)
            except ServiceNotFoundError:
                if await self._is_created(blob):
                    return _Tail((), 0, 0)
                continue
            lines = whole_lines(data, begin)
            if lines or begin == 0:
                return _Tail(lines, begin + len(data), blocks)
            before *= 4  # a very long line

    async def _is_created(self, blob: BlobClient) -> bool:
        """Create a part, unless it exists. Return whether it was created."""
        try:
            await blob.create_append_blob(
                metadata={FIELD: str(LAYOUT)}, match_condition=MatchConditions.IfMissing
            )
        except ALREADY_THERE:
            return False
        return True

    async def _sizes(self, job_id: str) -> list[int]:
        """Return the sizes of all parts, in their order."""
        prefix = f"{job_key(job_id)}."  # a job id has no dot
        parts = {blob.name: blob.size async for blob in self._container.list_blobs(prefix)}
        return [parts[name] for name in sorted(parts, key=lambda name: (len(name), name))]

    async def _part_after(self, job_id: str, sizes: Sequence[int], after: int) -> int:
        """Return the last part that begins at or before the event that follows `after`."""
        for part in range(len(sizes) - 1, 0, -1):
            async for event in self._events(job_id, part, sizes[part], 0):
                if int(event.sequence) <= after + 1:
                    return part
                break
        return 0

    async def _events(self, job_id: str, part: int, size: int, after: int) -> AsyncIterator[Event]:
        """Yield the events of one part with a sequence above `after`."""
        blob = self._blob(job_id, part)
        start = await find_offset(blob, size, after) if after else 0
        async for line in lines_between(blob, start, size):
            event = decode_event(line)
            if int(event.sequence) > after:
                yield event

    def _blob(self, job_id: str, part: int) -> BlobClient:
        number = f".{part + 1:05d}" if part else ""
        return self._container.get_blob_client(f"{job_key(job_id)}{number}.jsonl")


def _blocks(events: Sequence[Event]) -> Iterator[tuple[bytes, list[str]]]:
    """Yield the lines of the events, as many as fit into a block at once, with the ids of the events."""
    lines: list[bytes] = []
    ids: list[str] = []
    size = 0
    for start in range(0, len(events), ENCODED_AT_ONCE):
        some = events[start : start + ENCODED_AT_ONCE]
        encoded = _encode_lines(some)
        if lines and size + len(encoded) > BLOCK:
            yield b"".join(lines), ids
            lines, ids, size = [], [], 0
        lines.append(encoded)
        ids += [event.id for event in some]
        size += len(encoded)
    if lines:
        yield b"".join(lines), ids
