"""Queue functions: the messages of a queue, one invocation each."""

import uuid
from datetime import datetime, timedelta

from azure.functions.meta import Datum
from azure.storage.queue import QueueMessage

from functions_host.binding_converters import json_datum
from functions_host.function_indexing import Function
from functions_host.invocation import Invoker
from functions_host.queue_listener import QueueListener, Wakeups
from functions_host.settings import QueueSettings
from functions_host.storage_connections import HOST_STORAGE, Connections
from functions_host.trigger_data import TriggerInput, with_json_properties

_POISON = "-poison"


class QueueTrigger:
    """Listens for one queue-triggered function."""

    def __init__(
        self,
        function: Function,
        *,
        invoker: Invoker,
        connections: Connections,
        settings: QueueSettings,
        wakeups: Wakeups,
        receive_visibility: timedelta,
    ) -> None:
        self._function = function
        self._invoker = invoker
        self._name = function.trigger.binding["queueName"].lower()
        queues = connections.queues(function.trigger.binding.get("connection") or HOST_STORAGE)
        self._listener = QueueListener(
            queue=queues.get_queue_client(self._name),
            poison=None
            if self._name.endswith(_POISON)
            else lambda _message: queues.get_queue_client(self._name + _POISON),
            settings=settings,
            handler=self._handle,
            wakeup=wakeups.register(self._name),
            receive_visibility=receive_visibility,
        )

    async def start(self) -> None:
        """Begin to listen."""
        self._listener.start()

    async def stop(self) -> None:
        """Stop listening, and return when the messages in work are done."""
        await self._listener.stop()

    async def manual_input(self, text: str) -> TriggerInput:
        """Make the input of an invocation asked for over `/admin/functions`."""
        metadata = {
            "QueueTrigger": Datum(text, "string"),
            "Id": Datum(str(uuid.uuid4()), "string"),
            "DequeueCount": json_datum(0),
        }
        return TriggerInput(data=Datum(text, "string"), metadata=with_json_properties(text, metadata))

    async def _handle(self, message: QueueMessage, body: bytes) -> bool:
        reason = f"New queue message detected on '{self._name}'."
        outcome = await self._invoker.invoke(self._function, self._input(message, body), reason)
        return outcome.succeeded

    def _input(self, message: QueueMessage, body: bytes) -> TriggerInput:
        binary = self._function.trigger.binding.get("dataType") == "BINARY"
        text = body.decode(errors="replace" if binary else "strict")
        metadata = {
            "QueueTrigger": Datum(text, "string"),
            "Id": Datum(message.id, "string"),
            "PopReceipt": Datum(message.pop_receipt, "string"),
            "DequeueCount": json_datum(message.dequeue_count),
            "InsertionTime": json_datum(_iso(message.inserted_on)),
            "ExpirationTime": json_datum(_iso(message.expires_on)),
            "NextVisibleTime": json_datum(_iso(message.next_visible_on)),
        }
        if binary:
            return TriggerInput(data=Datum(body, "bytes"), metadata=metadata)
        return TriggerInput(data=Datum(text, "string"), metadata=with_json_properties(text, metadata))


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
