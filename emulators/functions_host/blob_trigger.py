"""Blob triggers: one invocation for each version of a blob."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobProperties
from azure.storage.blob.aio import BlobClient, ContainerClient
from azure.storage.queue.aio import QueueServiceClient

from functions_host.blob_enqueuing import ScannedFunction
from functions_host.blob_path_pattern import BlobPathPattern
from functions_host.blob_receipts import BlobReceipts
from functions_host.blob_scan import BlobScan
from functions_host.blob_trigger_queue import BlobTriggerMessage, BlobTriggerQueue
from functions_host.function_metadata import Function
from functions_host.invocation import Invoker
from functions_host.storage_connections import HOST_STORAGE, StorageConnections
from functions_host.trigger_data import TriggerData
from functions_host.typed_data import TypedData, json_data

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
    scan: BlobScan
    """The scan that finds the blobs of all functions without the source EventGrid."""


class BlobTrigger:
    """The blob trigger of one function. Its source is the scan of a container, or Event Grid.

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
        self._scanned = self._register() if self.source == _SCAN else None

    async def start(self) -> None:
        """Do nothing: the scan and the listener of the blob trigger queue belong to the host."""

    async def stop(self) -> None:
        """Do nothing, as `start`."""

    async def run(self, message: BlobTriggerMessage) -> bool:
        """Run the function on the blob of a message. Return False if the function failed.

        A blob that was deleted is dropped. If a scanned blob was overwritten, the old version is dropped, and
        the next scan looks at the new version. Both return True.
        """
        blob = self._blobs.get_blob_client(message.container, message.blob)
        try:
            properties = await blob.get_blob_properties()
            if self._scanned is not None and properties.etag != message.etag:
                self._services.scan.notify(self._scanned, message.blob)
                return True
            trigger = await self._data(blob, properties)
        except ResourceNotFoundError:
            _log.debug("Blob '%s' was deleted", message.blob)
            return True
        except ResourceModifiedError:
            # It was overwritten just now. The next attempt finds the new version.
            _log.warning("Blob '%s' was overwritten while it was read", message.blob)
            return False
        reason = f"New blob detected({self.source}): {message.container}/{message.blob}"
        return (await self._services.invoker.invoke(self.function, trigger, reason)).succeeded

    async def manual_data(self, text: str) -> TriggerData:
        """Return the data for a call over `/admin/functions`, in which `text` is `container/blob`."""
        container, _, name = text.partition("/")
        blob = self._blobs.get_blob_client(container, name)
        return await self._data(blob, await blob.get_blob_properties())

    async def _data(self, blob: BlobClient, properties: BlobProperties) -> TriggerData:
        content = b""
        if properties.size:
            download = await blob.download_blob(
                etag=properties.etag, match_condition=MatchConditions.IfNotModified
            )
            content = await download.readall()
        parameters = self._pattern.match(blob.blob_name) or {}
        metadata = {
            "BlobTrigger": TypedData(f"{blob.container_name}/{blob.blob_name}", "string"),
            "Uri": json_data(blob.url),
            "Properties": json_data(_properties(properties)),
            "Metadata": json_data(properties.metadata or {}),
        }
        metadata.update({name: TypedData(value, "string") for name, value in parameters.items()})
        return TriggerData(value=TypedData(content, "bytes"), metadata=metadata)

    def _register(self) -> ScannedFunction:
        services = self._services
        scanned = ScannedFunction(
            function_id=self.function.id,
            blobs=self._blobs,
            pattern=self._pattern,
            receipts=BlobReceipts(services.host_container, services.host_id, self.function.id),
            queue=services.queue,
        )
        services.scan.add(scanned)
        return scanned


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
