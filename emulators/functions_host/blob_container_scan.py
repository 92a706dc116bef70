"""Finds new blobs of a container by listing it, with a receipt for each version that was found."""

import asyncio
import logging
from collections.abc import Sequence

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobProperties
from azure.storage.blob.aio import ContainerClient

from functions_host.blob_path_pattern import BlobPattern
from functions_host.blob_trigger_queue import BlobMessage, BlobQueue

_log = logging.getLogger(__name__)


class BlobReceipts:
    """Records which version of which blob has been put on the queue for a function."""

    def __init__(self, state: ContainerClient, host_id: str, function_id: str) -> None:
        self._state = state
        self._prefix = f"blobreceipts/{host_id}/{function_id}"
        self._known: set[str] = set()

    async def has(self, container: str, blob: str, etag: str) -> bool:
        """Say whether there is a receipt."""
        name = self._name(container, blob, etag)
        if name not in self._known and await self._state.get_blob_client(name).exists():
            self._known.add(name)
        return name in self._known

    async def write(self, container: str, blob: str, etag: str) -> None:
        """Leave a receipt."""
        name = self._name(container, blob, etag)
        try:
            await self._state.get_blob_client(name).upload_blob(b"")
        except ResourceExistsError:
            _log.debug("There is a receipt '%s'", name)
        self._known.add(name)

    def _name(self, container: str, blob: str, etag: str) -> str:
        return f"{self._prefix}/{etag}/{container}/{blob}"


class BlobScan:
    """Scans for the blobs of one function."""

    def __init__(
        self,
        *,
        container: ContainerClient,
        pattern: BlobPattern,
        function_id: str,
        receipts: BlobReceipts,
        queue: BlobQueue,
        interval: float,
    ) -> None:
        self._container = container
        self._pattern = pattern
        self._function_id = function_id
        self._receipts = receipts
        self._queue = queue
        self._interval = interval
        self._noticing = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._scanner: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to scan."""
        self._scanner = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop scanning, after the blob at hand."""
        self._stopping.set()
        if self._scanner is not None:
            await self._scanner

    async def notice(self, name: str, etag: str, blob_type: str) -> None:
        """Put a blob on the queue, unless there is a receipt for this version of it."""
        message = BlobMessage(
            function_id=self._function_id,
            container=self._pattern.container,
            blob=name,
            etag=etag,
            blob_type=blob_type,
        )
        # A scan and an overwritten blob in work can notice the same version at the same time.
        async with self._noticing:
            if await self._receipts.has(self._pattern.container, name, etag):
                return
            # The receipt comes last: a host killed in between repeats a blob, and never loses one.
            await self._queue.put(message)
            await self._receipts.write(self._pattern.container, name, etag)

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                for blob in await self._list():
                    if self._stopping.is_set():
                        return
                    # The service lists ETags without their quotes, the emulator with them.
                    etag = '"' + blob.etag.strip('"') + '"'
                    await self.notice(blob.name, etag, str(blob.blob_type.value))
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
            return []  # Whoever writes the blobs creates the container.
