"""The host's own queue of blobs that were found and whose functions have to run.

All blob functions of a host share this queue. `blob_enqueuing` and `blob_event_grid` send to it, and
`blob_queue_listener` receives from it.
"""

import base64
import json
from dataclasses import dataclass

from azure.storage.queue.aio import QueueClient

from functions_host.queue_messages import send_message
from functions_host.queue_polling import QueueNotifier


def blob_trigger_queue_name(host_id: str) -> str:
    """Return the name of a host's blob trigger queue."""
    return f"azure-webjobs-blobtrigger-{host_id}"


@dataclass(frozen=True, kw_only=True)
class BlobTriggerMessage:
    """One version of a blob that a function has to run on."""

    function_id: str
    """The id of the function, such as `Host.Functions.on_upload`."""
    container: str
    blob: str
    etag: str
    """The ETag as the service sends it, with quotes."""
    blob_type: str = "BlockBlob"

    def to_json(self) -> bytes:
        """Return the message in the real host's format."""
        document = {
            "Type": "BlobTrigger",
            "FunctionId": self.function_id,
            "BlobType": self.blob_type,
            "ContainerName": self.container,
            "BlobName": self.blob,
            "ETag": self.etag,
        }
        return json.dumps(document, indent=2, ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, body: bytes) -> "BlobTriggerMessage":
        """Parse a message in the format of `to_json`, in which the case of names is ignored.

        Raises ValueError if it is not a JSON object, or does not name a function, a container and a blob.
        """
        document = json.loads(body)
        if not isinstance(document, dict):
            raise ValueError(f"a message for blobs is not a JSON object: {document!r}")
        values = {name.lower(): value for name, value in document.items()}
        for name in ("functionid", "containername", "blobname"):
            if not isinstance(values.get(name), str):
                raise ValueError(f"a message for blobs has no {name}: {document!r}")
        return cls(
            function_id=values["functionid"],
            container=values["containername"],
            blob=values["blobname"],
            etag=str(values.get("etag")),
            blob_type=str(values.get("blobtype", "BlockBlob")),
        )


class BlobTriggerQueue:
    """Sends messages to the blob trigger queue."""

    def __init__(self, queue: QueueClient, notifier: QueueNotifier) -> None:
        self._queue = queue
        self._notifier = notifier

    async def enqueue(self, message: BlobTriggerMessage) -> None:
        """Send a message and notify the listener. Create the queue if it is missing."""
        content = base64.b64encode(message.to_json()).decode()
        await send_message(self._queue, content)
        self._notifier.notify(self._queue.queue_name)
