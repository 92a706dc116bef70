"""Queue outputs: what a function returned or set becomes messages."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from azure.functions.meta import Datum

from functions_host.binding_converters import looks_like_json
from functions_host.binding_expressions import bind_parameters
from functions_host.function_indexing import Parameter
from functions_host.queue_listener import Wakeups
from functions_host.queue_messages import send
from functions_host.storage_connections import HOST_STORAGE, Connections


class QueueOutput:
    """Writes the queue outputs of functions that succeeded."""

    def __init__(self, *, connections: Connections, wakeups: Wakeups, encode_base64: bool) -> None:
        self._connections = connections
        self._wakeups = wakeups
        self._encode_base64 = encode_base64

    async def write(self, output: Parameter, value: Datum, parameters: Mapping[str, str]) -> None:
        """Send each message of `value`, creating the queue if need be."""
        name = bind_parameters(output.binding["queueName"], parameters).lower()
        queues = self._connections.queues(output.binding.get("connection") or HOST_STORAGE)
        queue = queues.get_queue_client(name)
        for body in message_bodies(value):
            content = base64.b64encode(body).decode() if self._encode_base64 else body.decode()
            await send(queue, content)
        self._wakeups.notify(name)


def message_bodies(value: Datum) -> list[bytes]:
    """Split an output into message bodies, as the host does.

    Bytes are one message as they are. Text that looks like JSON is parsed: an array is one message for each
    element, and objects are rewritten indented. Any other text is one message.
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
