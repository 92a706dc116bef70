"""Find jobs, the newest first.

The list of jobs says which may be meant, and their records whether they are. The parts of the list are read
together, each in pages, and an answer says where in each of them the next one goes on.
"""

import asyncio
import base64
import binascii
from collections.abc import Sequence

import msgspec

from batchmgr.errors import NOT_A_PAGE, InvalidQueryError, ServiceRefusedError
from batchmgr.model.job_entry import JobEntry, ListPart
from batchmgr.model.job_query import JobQuery
from batchmgr.model.job_record import JobRecord
from batchmgr.ports import Ports
from batchmgr.wire.json_codec import prepare

MOST_ENTRIES = 5_000
MOST_RECORDS = 1_000
"""At how many entries, and how many records, one answer looks before it has enough jobs."""

PAGE = 1_000
"""How many entries one call lists if most of them may be others than those that are asked for."""


class _Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the next page begins: after this key, in these pages of the parts."""

    after: str
    pages: dict[ListPart, str] = {}


prepare(_Place)


class _Reader:
    """The entries of one part after a key, one by one. `page` is the token of the page that it reads."""

    def __init__(self, ports: Ports, part: ListPart, size: int, place: _Place) -> None:
        self.part = part
        self.page = place.pages.get(part, "")
        self._ports = ports
        self._size = size
        self._after = place.after
        self._entries: list[JobEntry] = []
        self._following: str | None = self.page

    @property
    def head(self) -> JobEntry | None:
        """Return the next entry, or None at the end, if `fill` was called since the last one was taken."""
        return self._entries[-1] if self._entries else None

    async def fill(self) -> None:
        """Read on, if that is needed to have a head."""
        while not self._entries and self._following is not None:
            self.page = self._following
            entries, token = await self._ports.listing.page(self.part, self._size, self.page)
            self._following = token or None
            self._entries = [entry for entry in reversed(entries) if entry.key > self._after]

    def skip(self, key: str) -> None:
        """Leave the head behind, if it has this key."""
        if self._entries and self._entries[-1].key == key:
            self._entries.pop()


class _Reading:
    """The entries of some parts in one order, as far as they may be those of a query."""

    def __init__(self, ports: Ports, query: JobQuery, limit: int, place: _Place) -> None:
        size = PAGE if query.is_selective else limit + 1  # so that it is known whether there are more
        self._query = query
        self._readers = [_Reader(ports, part, size, place) for part in query.parts]
        self._after = place.after
        self.looks = 0

    @property
    def place(self) -> _Place:
        """Return where to go on after the entries that were taken."""
        return _Place(after=self._after, pages={one.part: one.page for one in self._readers if one.page})

    async def take(self, most: int) -> list[JobEntry]:
        """Take the next entries that may match."""
        taken: list[JobEntry] = []
        while len(taken) < most and self.looks < MOST_ENTRIES:
            entry = await self.head()
            if entry is None:
                break
            for reader in self._readers:  # a job that has just ended may be in two parts
                reader.skip(entry.key)
            self._after, self.looks = entry.key, self.looks + 1
            if self._query.may_match(entry):
                taken.append(entry)
        return taken

    async def head(self) -> JobEntry | None:
        """Return the next entry, or None if there is none that is young enough."""
        empty = [reader for reader in self._readers if reader.head is None]
        if empty:
            await asyncio.gather(*(reader.fill() for reader in empty))
        heads = [reader.head for reader in self._readers if reader.head is not None]
        first = min(heads, key=lambda entry: entry.key, default=None)
        return None if first is None or self._query.is_over(first) else first


async def find_jobs(
    ports: Ports, query: JobQuery, limit: int, token: str = ""
) -> tuple[Sequence[JobRecord], str]:
    """Return the first `limit` jobs of a query, and the token of the next page, if there may be more.

    There may be fewer of them, even none, if an answer has looked at many others. Raise InvalidQueryError for
    a token that no answer has had.
    """
    reading, found, loads = _Reading(ports, query, limit, _decode(token)), list[JobRecord](), 0
    try:
        while len(found) < limit and reading.looks < MOST_ENTRIES and loads < MOST_RECORDS:
            entries = await reading.take(limit - len(found))
            records = await asyncio.gather(*(ports.jobs.load_small(entry.job_id) for entry in entries))
            loads += len(entries)
            for entry, record in zip(entries, records, strict=True):
                # An entry with another time was left over when its job was accepted twice.
                if record is not None and record.created_at == entry.created_at and query.matches(record):
                    found.append(record)
            if await reading.head() is None:
                return found, ""
    except ServiceRefusedError as error:  # all of the request to storage but the token is batchmgr's own
        if token and error.status == 400:
            raise InvalidQueryError(NOT_A_PAGE, name="after") from error
        raise
    return found, _encode(reading.place)


def _encode(place: _Place) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def _decode(token: str) -> _Place:
    if not token:
        return _Place(after="")
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)), type=_Place)
    except (msgspec.MsgspecError, binascii.Error, ValueError) as error:
        raise InvalidQueryError(NOT_A_PAGE, name="after") from error
