"""Queue outputs: sends what a function returned or set as queue messages."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from azure.functions.meta import Datum

from functions_host.binding_converters import looks_like_json
from functions_host.binding_expressions import bind_parameters
from functions_host.function_metadata import BoundParameter
from functions_host.queue_messages import send_message
from functions_host.queue_polling import QueueNotifier
from functions_host.storage_connections import HOST_STORAGE, StorageConnections


class QueueOutput:
    """Writes the queue outputs of functions that succeeded."""

    def __init__(
        self, *, connections: StorageConnections, notifier: QueueNotifier, encode_base64: bool
    ) -> None:
        self._connections = connections
        self._notifier = notifier
        self._encode_base64 = encode_base64

    async def write(self, output: BoundParameter, value: Datum, binding_data: Mapping[str, str]) -> None:
        """Send the messages of one output. Create the queue if it is missing."""
        name = bind_parameters(output.binding["queueName"], binding_data).lower()
        queues = self._connections.queues(output.binding.get("connection") or HOST_STORAGE)
        queue = queues.get_queue_client(name)
        for body in message_bodies(value):
            content = base64.b64encode(body).decode() if self._encode_base64 else body.decode()
            await send_message(queue, content)
        self._notifier.notify(name)


def message_bodies(value: Datum) -> list[bytes]:
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
