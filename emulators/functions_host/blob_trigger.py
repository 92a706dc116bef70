"""Blob triggers: one invocation for each version of a blob."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from azure.core.exceptions import ResourceNotFoundError
from azure.functions.meta import Datum
from azure.storage.blob import BlobProperties
from azure.storage.blob.aio import BlobClient, ContainerClient
from azure.storage.queue.aio import QueueServiceClient

from functions_host.binding_converters import json_datum
from functions_host.blob_container_scan import BlobContainerScan
from functions_host.blob_path_pattern import BlobPathPattern
from functions_host.blob_receipts import BlobReceipts
from functions_host.blob_trigger_queue import BlobTriggerMessage, BlobTriggerQueue
from functions_host.function_metadata import Function
from functions_host.invocation import Invoker
from functions_host.storage_connections import HOST_STORAGE, StorageConnections
from functions_host.trigger_data import TriggerData

_SCAN = "LogsAndContainerScan"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class BlobTriggerServices:
    """What all blob triggers of a host share."""

    invoker: Invoker
    connections: StorageConnections
    queue: BlobTriggerQueue
    host_container: ContainerClient
    host_id: str
    scan_interval: float
    """Seconds between two scans of a container."""


class BlobTrigger:
    """The blob trigger of one function. Its source is a container scan, or Event Grid.

    Both sources enqueue blobs in the blob trigger queue, whose listener calls `run`.
    """

    def __init__(self, function: Function, services: BlobTriggerServices) -> None:
        binding = function.trigger.binding
        connection = binding.get("connection") or HOST_STORAGE
        self.function = function
        self.source: str = binding.get("source") or _SCAN
        self._services = services
        self._pattern = BlobPathPattern.parse(binding["path"])
        self._blobs = services.connections.blobs(connection)
        self.queues: QueueServiceClient = services.connections.queues(connection)
        """The queues in the storage account of the blobs. Poisoned blobs are reported there."""
        self._scan = self._new_scan() if self.source == _SCAN else None

    async def start(self) -> None:
        """Start to scan, unless the source is Event Grid."""
        if self._scan is not None:
            self._scan.start()

    async def stop(self) -> None:
        """Stop scanning."""
        if self._scan is not None:
            await self._scan.stop()

    async def run(self, message: BlobTriggerMessage) -> bool:
        """Run the function on the blob of a message. Return False if the function failed.

        A blob that was deleted is dropped. If a scanned blob was overwritten, the old version is dropped and
        the new version is enqueued. Both return True.
        """
        blob = self._blobs.get_blob_client(message.container, message.blob)
        try:
            properties = await blob.get_blob_properties()
            if self._scan is not None and properties.etag != message.etag:
                await self._scan.enqueue(message.blob, properties.etag, str(properties.blob_type.value))
                return True
            trigger = await self._data(blob, properties)
        except ResourceNotFoundError:
            _log.debug("Blob '%s' was deleted", message.blob)
            return True
        reason = f"New blob detected({self.source}): {message.container}/{message.blob}"
        return (await self._services.invoker.invoke(self.function, trigger, reason)).succeeded

    async def manual_data(self, text: str) -> TriggerData:
        """Return the data for a call over `/admin/functions`, in which `text` is `container/blob`."""
        container, _, name = text.partition("/")
        blob = self._blobs.get_blob_client(container, name)
        return await self._data(blob, await blob.get_blob_properties())

    async def _data(self, blob: BlobClient, properties: BlobProperties) -> TriggerData:
        content = await (await blob.download_blob()).readall()
        parameters = self._pattern.match(blob.blob_name) or {}
        metadata = {
            "BlobTrigger": Datum(f"{blob.container_name}/{blob.blob_name}", "string"),
            "Uri": json_datum(blob.url),
            "Properties": json_datum(_properties(properties)),
            "Metadata": json_datum(properties.metadata or {}),
        }
        metadata.update({name: Datum(value, "string") for name, value in parameters.items()})
        return TriggerData(value=Datum(content, "bytes"), metadata=metadata)

    def _new_scan(self) -> BlobContainerScan:
        services = self._services
        return BlobContainerScan(
            container=self._blobs.get_container_client(self._pattern.container),
            pattern=self._pattern,
            function_id=self.function.id,
            receipts=BlobReceipts(services.host_container, services.host_id, self.function.id),
            queue=services.queue,
            interval=services.scan_interval,
        )


def _properties(properties: BlobProperties) -> dict[str, Any]:
    """Return the properties under the real host's names."""
    settings = properties.content_settings
    return {
        "LastModified": _iso(properties.last_modified),
        "CreatedOn": _iso(properties.creation_time),
        "ContentLength": properties.size,
        "ContentType": settings.content_type,
        "ContentEncoding": settings.content_encoding,
        "ContentLanguage": settings.content_language,
        "CacheControl": settings.cache_control,
        "ETag": properties.etag,
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
