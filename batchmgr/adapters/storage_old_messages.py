"""The messages in poison queues, by age: looked at without a trace, and removed."""

import asyncio
from collections.abc import Mapping
from datetime import datetime

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue.aio import QueueServiceClient

from batchmgr.adapters.queue_names import CALLBACKS, FINALIZE, JOB_REQUESTS, POISON, POLLS
from batchmgr.adapters.service_errors import service_errors

SERVICE = "Queue storage"
QUEUES = tuple(name + POISON for name in (JOB_REQUESTS, CALLBACKS, FINALIZE, POLLS))
PAGE = 32
MOST_TAKEN = 640
"""How many messages of a queue one call looks at, while others don't see them."""

HIDDEN_SECONDS = 60


class StorageOldMessages:
    """The OldMessages port."""

    def __init__(self, service: QueueServiceClient) -> None:
        self._service = service

    async def count(self, before: datetime) -> Mapping[str, int]:
        """Count the old ones among the first 32 messages of each queue."""
        counts = await asyncio.gather(*(self._count(name, before) for name in QUEUES))
        return {name: count for name, count in zip(QUEUES, counts, strict=True) if count}

    async def remove(self, before: datetime) -> Mapping[str, int]:
        """Remove the old ones among the first 640 messages of each queue that has some."""
        return {name: await self._remove(name, before) for name in await self.count(before)}

    async def _count(self, name: str, before: datetime) -> int:
        with service_errors(SERVICE):
            try:
                seen = await self._service.get_queue_client(name).peek_messages(max_messages=PAGE)
            except ResourceNotFoundError:
                return 0
        return sum(_came_before(message.inserted_on, before) for message in seen)

    async def _remove(self, name: str, before: datetime) -> int:
        """Take messages, delete the old ones, and let others see the rest again."""
        client, removed = self._service.get_queue_client(name), 0
        with service_errors(SERVICE):
            pages = client.receive_messages(
                messages_per_page=PAGE, max_messages=MOST_TAKEN, visibility_timeout=HIDDEN_SECONDS
            )
            async for message in pages:
                try:
                    if _came_before(message.inserted_on, before):
                        await client.delete_message(message)
                        removed += 1
                    else:
                        await client.update_message(message, visibility_timeout=0)
                except ResourceNotFoundError:
                    continue  # somebody else has it
        return removed


def _came_before(time: datetime | None, before: datetime) -> bool:
    return time is not None and time < before
