"""Enqueues a version of a blob for one function, once, even if several hosts try to at the same time."""

import asyncio

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobProperties
from azure.storage.blob.aio import BlobServiceClient

from functions_host.blob_path_pattern import BlobPathPattern
from functions_host.blob_receipts import BlobReceipt, BlobReceipts
from functions_host.blob_trigger_queue import BlobTriggerMessage, BlobTriggerQueue


class ScannedFunction:
    """A function whose blobs are found by scanning a container."""

    def __init__(
        self,
        *,
        function_id: str,
        blobs: BlobServiceClient,
        pattern: BlobPathPattern,
        receipts: BlobReceipts,
        queue: BlobTriggerQueue,
    ) -> None:
        self.blobs = blobs
        """The storage account of the blobs."""
        self.pattern = pattern
        self.container = blobs.get_container_client(pattern.container)
        """The container that is scanned."""
        self._function_id = function_id
        self._receipts = receipts
        self._queue = queue
        self._enqueuing = asyncio.Lock()

    async def enqueue(self, name: str) -> bool:
        """Enqueue the present version of a blob, unless there is a receipt for it.

        Return False if another host is about to enqueue it. Then it has to be tried again later, since that
        host may be killed before it does.
        """
        async with self._enqueuing:
            try:
                properties = await self.container.get_blob_client(name).get_blob_properties()
            except ResourceNotFoundError:
                return True
            async with self._receipts.of(self.pattern.container, name, properties.etag) as receipt:
                complete = await receipt.is_complete()
                if complete:
                    return True
                if complete is None and not await receipt.create():
                    return False
                return await receipt.acquire() and await self._send(name, properties, receipt)

    async def _send(self, name: str, properties: BlobProperties, receipt: BlobReceipt) -> bool:
        if await receipt.is_complete():
            return True
        message = BlobTriggerMessage(
            function_id=self._function_id,
            container=self.pattern.container,
            blob=name,
            etag=properties.etag,
            blob_type=str(properties.blob_type.value),
        )
        # A host that is killed between the two enqueues the blob twice, but never loses one.
        await self._queue.enqueue(message)
        await receipt.complete()
        return True
