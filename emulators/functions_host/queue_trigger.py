"""Queue triggers: one invocation for each message of a queue."""

import uuid
from datetime import datetime, timedelta

from azure.storage.queue import QueueMessage

from functions_host.function_metadata import Function
from functions_host.invocation import Invoker
from functions_host.poison_queue import poison_queue_of
from functions_host.queue_listener import QueueListener
from functions_host.queue_messages import check_queue_name
from functions_host.queue_polling import QueueNotifier
from functions_host.settings import QueueSettings
from functions_host.storage_connections import HOST_STORAGE, StorageConnections
from functions_host.trigger_data import TriggerData, with_json_properties
from functions_host.typed_data import TypedData, json_data
from functions_host.unhandled_errors import UnhandledErrors


class QueueTrigger:
    """The queue trigger of one function."""

    def __init__(
        self,
        function: Function,
        *,
        invoker: Invoker,
        connections: StorageConnections,
        settings: QueueSettings,
        notifier: QueueNotifier,
        errors: UnhandledErrors,
        receive_visibility: timedelta,
    ) -> None:
        self._function = function
        self._invoker = invoker
        self._name = function.trigger.binding["queueName"].lower()
        check_queue_name(self._name)
        queues = connections.queues(function.trigger.binding.get("connection") or HOST_STORAGE)
        self._listener = QueueListener(
            queue=queues.get_queue_client(self._name),
            poison_queue_of=poison_queue_of(queues, self._name),
            settings=settings,
            handler=self._handle,
            notifier=notifier,
            errors=errors,
            receive_visibility=receive_visibility,
        )

    async def start(self) -> None:
        """Start to listen."""
        self._listener.start()

    async def stop(self) -> None:
        """Stop listening, and return when the messages in flight are processed."""
        await self._listener.stop()

    def abandon(self) -> None:
        """Stop at once. The messages in flight stay hidden, as after a kill."""
        self._listener.abandon()

    async def manual_data(self, text: str) -> TriggerData:
        """Return the data for a call over `/admin/functions`, in which `text` is the message body."""
        metadata = {
            "QueueTrigger": TypedData(text, "string"),
            "Id": TypedData(str(uuid.uuid4()), "string"),
            "DequeueCount": json_data(0),
        }
        return TriggerData(value=TypedData(text, "string"), metadata=with_json_properties(text, metadata))

    async def _handle(self, message: QueueMessage, body: bytes) -> bool:
        reason = f"New queue message detected on '{self._name}'."
        result = await self._invoker.invoke(self._function, self._data(message, body), reason)
        return result.succeeded

    def _data(self, message: QueueMessage, body: bytes) -> TriggerData:
        binary = str(self._function.trigger.binding.get("dataType")).upper() == "BINARY"
        # A text parameter gets U+FFFD for each byte that is not UTF-8. The metadata has valid text or none.
        text = body.decode(errors="replace")
        metadata = {"QueueTrigger": TypedData(text, "string")} if text.encode() == body else {}
        metadata |= {
            "Id": TypedData(message.id, "string"),
            "PopReceipt": TypedData(message.pop_receipt, "string"),
            "DequeueCount": json_data(message.dequeue_count),
            "InsertionTime": json_data(_iso(message.inserted_on)),
            "ExpirationTime": json_data(_iso(message.expires_on)),
            "NextVisibleTime": json_data(_iso(message.next_visible_on)),
        }
        if binary:
            return TriggerData(value=TypedData(body, "bytes"), metadata=metadata)
        return TriggerData(value=TypedData(text, "string"), metadata=with_json_properties(text, metadata))


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
