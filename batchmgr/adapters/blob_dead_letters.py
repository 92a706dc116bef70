"""Dead letters, as blobs `dead-letters/{id}.json`. Storage lists them by name: the newest first."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import msgspec
from azure.storage.blob.aio import ContainerClient

from batchmgr.adapters.service_errors import ALREADY_THERE, service_errors
from batchmgr.errors import ServiceNotFoundError
from batchmgr.model.dead_letter import DeadLetter, first_older_id
from batchmgr.queue_ports import MOST_LETTERS
from batchmgr.wire.json_codec import prepare

SERVICE = "Blob storage"
FOLDER = "dead-letters/"

prepare(DeadLetter)


class BlobDeadLetters:
    """The DeadLetters port, on a blob container. One listing returns all names."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    async def add(self, letter: DeadLetter) -> None:
        """Keep a letter unless it is kept, then remove the oldest ones if there are too many."""
        with service_errors(SERVICE):
            try:
                await self._container.upload_blob(_name(letter.id), msgspec.json.encode(letter))
            except ALREADY_THERE:
                return
        for letter_id in (await self._ids())[MOST_LETTERS:]:
            await self.remove(letter_id)

    async def remove(self, letter_id: str) -> None:
        """Remove a letter. Do nothing if it is not there."""
        try:
            with service_errors(SERVICE):
                await self._container.delete_blob(_name(letter_id))
        except ServiceNotFoundError:
            return

    async def page(self, limit: int, after: str) -> tuple[Sequence[DeadLetter], str]:
        """Return a page of letters, and the id after which the next one begins, if there is one."""
        ids = [letter_id for letter_id in await self._ids() if letter_id > after]
        found = await asyncio.gather(*map(self._load, ids[:limit]))
        letters = [letter for letter in found if letter is not None]
        return letters, ids[limit - 1] if len(ids) > limit else ""

    async def older(self, before: datetime, limit: int) -> Sequence[str]:
        """Return the ids of the first letters that are older than this."""
        first = first_older_id(before)
        return [letter_id for letter_id in await self._ids() if letter_id > first][:limit]

    async def _ids(self) -> list[str]:
        with service_errors(SERVICE):
            names = [name async for name in self._container.list_blob_names(name_starts_with=FOLDER)]
        return [name.removeprefix(FOLDER).removesuffix(".json") for name in names]

    async def _load(self, letter_id: str) -> DeadLetter | None:
        try:
            with service_errors(SERVICE):
                stream = await self._container.download_blob(_name(letter_id))
                return msgspec.json.decode(await stream.readall(), type=DeadLetter)
        except ServiceNotFoundError:
            return None  # removed since it was listed


def _name(letter_id: str) -> str:
    return f"{FOLDER}{letter_id}.json"
