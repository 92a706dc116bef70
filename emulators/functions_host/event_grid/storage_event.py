"""An event about a blob, in the two schemas of Event Grid.

Sources: https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage
https://learn.microsoft.com/azure/event-grid/cloud-event-schema
"""

import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from functions_host.event_grid.blob_watch import BlobVersion
from functions_host.event_grid.event_subscription import BLOB_CREATED, DeliverySchema, blob_subject


@dataclass(frozen=True, kw_only=True)
class StorageEvent:
    """One event `Microsoft.Storage.BlobCreated`."""

    topic: str
    """The resource id of the storage account."""
    version: BlobVersion
    id: str
    data: dict[str, Any]

    @property
    def subject(self) -> str:
        """The blob, as filters see it."""
        return blob_subject(self.version.container, self.version.name)

    def to_json(self, schema: DeliverySchema) -> dict[str, Any]:
        """Return the event in the schema of a subscription."""
        moment = event_time(self.version.last_modified)
        if schema == "CloudEventSchemaV1_0":
            return {
                "specversion": "1.0",
                "type": BLOB_CREATED,
                "source": self.topic,
                "id": self.id,
                "time": moment,
                "subject": self.subject,
                "data": self.data,
            }
        return {
            "topic": self.topic,
            "subject": self.subject,
            "eventType": BLOB_CREATED,
            "id": self.id,
            "data": self.data,
            "dataVersion": "",
            "metadataVersion": "1",
            "eventTime": moment,
        }


def blob_created(topic: str, version: BlobVersion) -> StorageEvent:
    """Return the event for a blob that was written.

    Its ids follow from the blob and its ETag. So an event that is raised again after a restart has the same
    id, and the receiver can recognise it.
    """
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"{version.url}#{version.tag}")
    request = f"{str(identity)[:-6]}000000"
    return StorageEvent(
        topic=topic,
        version=version,
        id=str(identity),
        data={
            # A listing does not say which operation wrote the blob. Only Put Blob stores an MD5 by itself.
            "api": "PutBlockList" if version.is_block_blob and not version.has_md5 else "PutBlob",
            "clientRequestId": str(uuid.uuid5(identity, "client")),
            "requestId": request,
            "eTag": version.etag,
            "contentType": version.content_type,
            "contentLength": version.size,
            "blobType": version.blob_type,
            "url": version.url,
            # Sequencers of one blob sort as its events do.
            "sequencer": f"{time.time_ns():048x}",
            "storageDiagnostics": {"batchId": str(uuid.uuid5(identity, "batch"))},
        },
    )


def event_time(moment: datetime) -> str:
    """Return a time as Event Grid writes it: UTC, with seven decimals.

    >>> event_time(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    '2026-01-02T03:04:05.0000000Z'
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def encode_events(events: Sequence[StorageEvent], subscription_schema: DeliverySchema, *, batch: bool) -> str:
    """Return the body of a request.

    It is an array, except for a subscription in the CloudEvents schema without batches: that gets one object.
    """
    documents = [event.to_json(subscription_schema) for event in events]
    if subscription_schema == "CloudEventSchemaV1_0" and not batch:
        return json.dumps(documents[0])
    return json.dumps(documents)
