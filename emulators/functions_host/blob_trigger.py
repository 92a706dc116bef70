"""Blob functions: each version of a blob that the host finds, one invocation."""

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
from functions_host.blob_container_scan import BlobReceipts, BlobScan
from functions_host.blob_path_pattern import BlobPattern
from functions_host.blob_trigger_queue import BlobMessage, BlobQueue
from functions_host.function_indexing import Function
from functions_host.invocation import Invoker
from functions_host.storage_connections import HOST_STORAGE, Connections
from functions_host.trigger_data import TriggerInput

_SCAN = "LogsAndContainerScan"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class BlobHost:
    """What all blob functions of a host share."""

    invoker: Invoker
    connections: Connections
    queue: BlobQueue
    state: ContainerClient
    host_id: str
    scan_interval: float
    """Seconds between two scans of a container."""


class BlobTrigger:
    """Listens for one blob-triggered function, by scanning or, with the source EventGrid, by its webhook."""

    def __init__(self, function: Function, host: BlobHost) -> None:
        binding = function.trigger.binding
        connection = binding.get("connection") or HOST_STORAGE
        self.function = function
        self.source: str = binding.get("source") or _SCAN
        self._host = host
        self._pattern = BlobPattern.parse(binding["path"])
        self._blobs = host.connections.blobs(connection)
        self.queues: QueueServiceClient = host.connections.queues(connection)
        """The queues beside the blobs: there goes what is poisoned."""
        self._scan = self._new_scan() if self.source == _SCAN else None

    async def start(self) -> None:
        """Begin to scan."""
        if self._scan is not None:
            self._scan.start()

    async def stop(self) -> None:
        """Stop scanning."""
        if self._scan is not None:
            await self._scan.stop()

    async def run(self, message: BlobMessage) -> bool:
        """Run the function on the blob of a message; True also when there is nothing left to do."""
        blob = self._blobs.get_blob_client(message.container, message.blob)
        try:
            properties = await blob.get_blob_properties()
            if self._scan is not None and properties.etag != message.etag:
                # Overwritten since: drop this version, and see to the new one at once.
                await self._scan.notice(message.blob, properties.etag, str(properties.blob_type.value))
                return True
            trigger = await self._input(blob, properties)
        except ResourceNotFoundError:
            _log.debug("Blob '%s' is gone", message.blob)
            return True
        reason = f"New blob detected({self.source}): {message.container}/{message.blob}"
        return (await self._host.invoker.invoke(self.function, trigger, reason)).succeeded

    async def manual_input(self, text: str) -> TriggerInput:
        """Make the input of an invocation asked for over `/admin/functions`; `text` is container/blob."""
        container, _, name = text.partition("/")
        blob = self._blobs.get_blob_client(container, name)
        return await self._input(blob, await blob.get_blob_properties())

    async def _input(self, blob: BlobClient, properties: BlobProperties) -> TriggerInput:
        content = await (await blob.download_blob()).readall()
        parameters = self._pattern.match(blob.blob_name) or {}
        metadata = {
            "BlobTrigger": Datum(f"{blob.container_name}/{blob.blob_name}", "string"),
            "Uri": json_datum(blob.url),
            "Properties": json_datum(_properties(properties)),
            "Metadata": json_datum(properties.metadata or {}),
        }
        metadata.update({name: Datum(value, "string") for name, value in parameters.items()})
        return TriggerInput(data=Datum(content, "bytes"), metadata=metadata)

    def _new_scan(self) -> BlobScan:
        return BlobScan(
            container=self._blobs.get_container_client(self._pattern.container),
            pattern=self._pattern,
            function_id=self.function.id,
            receipts=BlobReceipts(self._host.state, self._host.host_id, self.function.id),
            queue=self._host.queue,
            interval=self._host.scan_interval,
        )


def _properties(properties: BlobProperties) -> dict[str, Any]:
    """Return the properties under the names that the real host gives them."""
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
