"""A storage account with the calls that the host's tests need."""

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from functions_host.queue_messages import send_message

TIMEOUT_SECONDS = 40


@dataclass(frozen=True, kw_only=True)
class StorageAccount:
    """One storage account of Azurite."""

    connection_string: str
    blobs: BlobServiceClient
    queues: QueueServiceClient

    async def send(self, queue: str, body: str) -> None:
        """Send a message in base64. Create the queue if it is missing."""
        await self.send_raw(queue, base64.b64encode(body.encode()).decode())

    async def send_raw(self, queue: str, content: str) -> None:
        await send_message(self.queues.get_queue_client(queue), content)

    async def peek(self, queue: str) -> list[str]:
        """Return the contents of the visible messages of a queue. A missing queue counts as empty."""
        try:
            return [str(m.content) for m in await self.queues.get_queue_client(queue).peek_messages(32)]
        except ResourceNotFoundError:
            return []

    async def count(self, queue: str) -> int:
        """Return how many messages a queue has, including hidden ones."""
        properties = await self.queues.get_queue_client(queue).get_queue_properties()
        return int(properties.approximate_message_count or 0)

    async def upload(self, container: str, name: str, body: str) -> None:
        await self.blobs.get_blob_client(container, name).upload_blob(body.encode(), overwrite=True)

    async def names(self, container: str, prefix: str = "") -> list[str]:
        blobs = self.blobs.get_container_client(container).list_blobs(name_starts_with=prefix)
        return [blob.name async for blob in blobs]

    async def seen(self, kind: str) -> list[Any]:
        """Return what the sample app recorded, in order of time."""
        container = self.blobs.get_container_client("seen")
        names = sorted(await self.names("seen", f"{kind}/"))
        return [json.loads(await (await container.download_blob(name)).readall()) for name in names]

    async def until_seen(self, kind: str, count: int = 1) -> list[Any]:
        """Return what the sample app recorded, as soon as it has this many facts."""

        async def enough() -> list[Any]:
            facts = await self.seen(kind)
            return facts if len(facts) >= count else []

        facts: list[Any] = await until(enough)
        return facts


async def until(condition: Callable[[], Any], seconds: float = TIMEOUT_SECONDS) -> Any:
    """Call `condition` repeatedly until its result is true, and return the result."""
    async with asyncio.timeout(seconds):
        # What the test waits for happens in another service, which has no event to wait on.
        while not (answer := await condition()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        return answer
