"""Puts messages on queues."""

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue.aio import QueueClient


async def send(queue: QueueClient, content: str) -> None:
    """Put a message on a queue as it is, creating the queue if need be."""
    try:
        await queue.send_message(content)
    except ResourceNotFoundError:
        await queue.create_queue()
        await queue.send_message(content)
