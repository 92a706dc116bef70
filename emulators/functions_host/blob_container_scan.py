"""Finds new blobs by listing a container at intervals, and enqueues each version of a blob once."""

import asyncio
import logging
from collections.abc import Sequence

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob import BlobProperties
from azure.storage.blob.aio import ContainerClient

from functions_host.blob_path_pattern import BlobPathPattern
from functions_host.blob_receipts import BlobReceipts
from functions_host.blob_trigger_queue import BlobTriggerMessage, BlobTriggerQueue

_log = logging.getLogger(__name__)


class BlobContainerScan:
    """Scans a container for the blobs of one function."""

    def __init__(
        self,
        *,
        container: ContainerClient,
        pattern: BlobPathPattern,
        function_id: str,
        receipts: BlobReceipts,
        queue: BlobTriggerQueue,
        interval: float,
    ) -> None:
        self._container = container
        self._pattern = pattern
        self._function_id = function_id
        self._receipts = receipts
        self._queue = queue
        self._interval = interval
        self._enqueuing = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._scanner: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start to scan."""
        self._scanner = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop scanning, after the current blob."""
        self._stopping.set()
        if self._scanner is not None:
            await self._scanner

    async def enqueue(self, name: str, etag: str, blob_type: str) -> None:
        """Enqueue this version of a blob, unless there is a receipt for it."""
        message = BlobTriggerMessage(
            function_id=self._function_id,
            container=self._pattern.container,
            blob=name,
            etag=etag,
            blob_type=blob_type,
        )
        # A scan and the check of a dequeued blob can find the same version at the same time.
        async with self._enqueuing:
            if await self._receipts.exists(self._pattern.container, name, etag):
                return
            # The receipt is written last: a host that is killed in between enqueues the blob twice, but
            # never loses one.
            await self._queue.enqueue(message)
            await self._receipts.write(self._pattern.container, name, etag)

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                for blob in await self._list():
                    if self._stopping.is_set():
                        return
                    # Azure lists ETags without quotes, Azurite with quotes.
                    etag = '"' + blob.etag.strip('"') + '"'
                    await self.enqueue(blob.name, etag, str(blob.blob_type.value))
            except AzureError as error:
                _log.error("Cannot scan container '%s': %s", self._pattern.container, error)
            try:
                async with asyncio.timeout(self._interval):
                    await self._stopping.wait()
            except TimeoutError:
                continue

    async def _list(self) -> Sequence[BlobProperties]:
        try:
            blobs = self._container.list_blobs(name_starts_with=self._pattern.prefix or None)
            return [blob async for blob in blobs if self._pattern.match(blob.name) is not None]
        except ResourceNotFoundError:
            return []  # The container is missing. The writer of the blobs creates it.
