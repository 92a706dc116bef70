"""Send, decode and delete the messages of storage queues."""

import base64
import binascii
import logging

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

_log = logging.getLogger(__name__)


async def send_message(queue: QueueClient, content: str) -> None:
    """Send `content` unchanged. Create the queue first if it is missing."""
    try:
        await queue.send_message(content)
    except ResourceNotFoundError:
        await queue.create_queue()
        await queue.send_message(content)


def decode_body(message: QueueMessage, *, is_base64: bool) -> bytes:
    """Return the body of a message. Raises ValueError if it should be base64 but is not."""
    if not is_base64:
        return str(message.content).encode()
    try:
        return base64.b64decode(message.content, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error


async def delete_message(queue: QueueClient, message: QueueMessage) -> None:
    """Delete a message. Log a warning if another host has received it in the meantime."""
    try:
        await queue.delete_message(message)
    except ResourceNotFoundError:
        _log.warning("Message %s is gone, or another host has received it", message.id)
