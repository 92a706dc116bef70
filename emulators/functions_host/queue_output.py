"""Queue outputs: sends what a function returned or set as queue messages."""

import json
from collections.abc import Mapping
from typing import Any

from functions_host.binding_expressions import bind_parameters
from functions_host.function_metadata import BoundParameter, Function
from functions_host.queue_messages import check_queue_name, encode_body, send_message
from functions_host.queue_polling import QueueNotifier
from functions_host.storage_connections import HOST_STORAGE, StorageConnections
from functions_host.typed_data import TypedData, looks_like_json


class QueueOutput:
    """Writes the queue outputs of functions that succeeded."""

    def __init__(
        self, *, connections: StorageConnections, encode_base64: bool, notifier: QueueNotifier | None = None
    ) -> None:
        """Pass a `notifier` to let the listeners of this host receive its outputs without a pause."""
        self._connections = connections
        self._notifier = notifier
        self._encode_base64 = encode_base64

    def check(self, function: Function) -> None:
        """Raise ConfigurationError if an output of the function names no possible queue."""
        for output in function.results:
            name = output.binding.get("queueName", "")
            if output.binding["type"] == "queue" and "{" not in name:
                check_queue_name(name.lower())

    async def write(self, output: BoundParameter, value: TypedData, binding_data: Mapping[str, str]) -> None:
        """Send the messages of one output. Create the queue if it is missing."""
        name = bind_parameters(output.binding["queueName"], binding_data).lower()
        check_queue_name(name)
        queues = self._connections.queues(output.binding.get("connection") or HOST_STORAGE)
        queue = queues.get_queue_client(name)
        for body in message_bodies(value):
            await send_message(queue, encode_body(body, is_base64=self._encode_base64))
        if self._notifier is not None:
            self._notifier.notify(name)


def message_bodies(value: TypedData) -> list[bytes]:
    """Split an output into message bodies, as the real host does.

    Bytes become one message, unchanged. Text that looks like JSON is parsed: an array becomes one message for
    each element, and objects are written indented. Any other text becomes one message.
    """
    if value.type == "bytes":
        return [bytes(value.value)]
    text = str(value.value)
    if not looks_like_json(text):
        return [text.encode()]
    parsed = json.loads(text)
    return [_element(item).encode() for item in (parsed if isinstance(parsed, list) else [parsed])]


def _element(item: Any) -> str:
    if isinstance(item, str):
        return item
    return json.dumps(item, indent=2, ensure_ascii=False)
