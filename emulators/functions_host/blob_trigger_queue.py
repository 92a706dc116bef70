"""The host's own queue between finding a blob and running its function."""

import base64
import json
from dataclasses import dataclass

from azure.storage.queue.aio import QueueClient

from functions_host.queue_listener import Wakeups
from functions_host.queue_messages import send


@dataclass(frozen=True, kw_only=True)
class BlobMessage:
    """One version of a blob that a function has to see."""

    function_id: str
    container: str
    blob: str
    etag: str
    """As the service gives it, with quotes."""
    blob_type: str = "BlockBlob"

    def to_json(self) -> bytes:
        """Return the message as the real host writes it."""
        document = {
            "Type": "BlobTrigger",
            "FunctionId": self.function_id,
            "BlobType": self.blob_type,
            "ContainerName": self.container,
            "BlobName": self.blob,
            "ETag": self.etag,
        }
        return json.dumps(document).encode()

    @classmethod
    def from_json(cls, body: bytes) -> "BlobMessage":
        """Read what `to_json` wrote. Raises KeyError or ValueError for anything else."""
        document = json.loads(body)
        return cls(
            function_id=document["FunctionId"],
            container=document["ContainerName"],
            blob=document["BlobName"],
            etag=document["ETag"],
            blob_type=document["BlobType"],
        )


class BlobQueue:
    """Puts blob messages on the queue that all blob functions of a host share."""

    def __init__(self, queue: QueueClient, wakeups: Wakeups) -> None:
        self._queue = queue
        self._wakeups = wakeups

    async def put(self, message: BlobMessage) -> None:
        """Send a message, creating the queue if need be, and wake its listener."""
        content = base64.b64encode(message.to_json()).decode()
        await send(self._queue, content)
        self._wakeups.notify(self._queue.queue_name)
