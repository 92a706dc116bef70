"""Listens to the blob trigger queue and runs the functions that its messages name."""

import base64
import logging
from datetime import timedelta

from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from functions_host.blob_trigger import BlobTrigger
from functions_host.blob_trigger_queue import BlobTriggerMessage
from functions_host.poison_queue import BLOB_POISON_QUEUE
from functions_host.queue_listener import QueueListener
from functions_host.queue_polling import QueueNotifier
from functions_host.settings import BlobSettings, QueueSettings
from functions_host.unhandled_errors import UnhandledErrors

_MAX_BATCH = 32

_log = logging.getLogger(__name__)


class BlobQueueListener:
    """The one listener behind all blob functions of a host."""

    def __init__(
        self,
        *,
        queues: QueueServiceClient,
        queue_name: str,
        settings: BlobSettings,
        max_polling_interval: timedelta,
        notifier: QueueNotifier,
        errors: UnhandledErrors,
        receive_visibility: timedelta,
    ) -> None:
        self._triggers: dict[str, BlobTrigger] = {}
        self._queues = queues
        # Half of the blobs and one are received at once, and more when the others are in flight alone.
        most = settings.max_degree_of_parallelism
        batch = max(1, min(most // 2 + 1, most, _MAX_BATCH))
        self._listener = QueueListener(
            queue=queues.get_queue_client(queue_name),
            poison_queue_of=self._poison_queue_of,
            settings=QueueSettings(
                batch_size=batch,
                new_batch_threshold=max(0, most - batch),
                max_dequeue_count=settings.poison_blob_threshold,
                max_polling_interval=max_polling_interval,
            ),
            handler=self._handle,
            notifier=notifier,
            errors=errors,
            receive_visibility=receive_visibility,
        )

    def add(self, trigger: BlobTrigger) -> None:
        """Also run the function of this trigger."""
        self._triggers[trigger.function.id] = trigger

    def find(self, function_id: str) -> BlobTrigger | None:
        """Return the trigger of a function, by an id such as `Host.Functions.on_upload`."""
        return self._triggers.get(function_id)

    async def start(self) -> None:
        """Start to listen."""
        self._listener.start()

    async def stop(self) -> None:
        """Stop listening, and return when the blobs in flight are processed."""
        await self._listener.stop()

    def abandon(self) -> None:
        """Stop at once. The messages in flight stay hidden, as after a kill."""
        self._listener.abandon()

    async def _handle(self, message: QueueMessage, body: bytes) -> bool:
        blob = BlobTriggerMessage.from_json(body)
        trigger = self.find(blob.function_id)
        if trigger is None:
            _log.debug("Blob '%s' is for '%s', which this app does not have", blob.blob, blob.function_id)
            return True
        return await trigger.run(blob)

    def _poison_queue_of(self, message: QueueMessage) -> QueueClient:
        """Return the poison queue in the storage account of the blob."""
        try:
            trigger = self.find(BlobTriggerMessage.from_json(base64.b64decode(message.content)).function_id)
        except ValueError:
            trigger = None
        queues = trigger.queues if trigger else self._queues
        return queues.get_queue_client(BLOB_POISON_QUEUE)
