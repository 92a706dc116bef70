"""Poison queues: where a message goes when it failed too often or cannot be decoded.

The messages of queue `NAME` go to `NAME-poison`. Blobs go to `webjobs-blobtrigger-poison`. When a message is
moved there is decided in `queue_processor`.
"""

import logging
from collections.abc import Callable

from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from functions_host.queue_messages import delete_message, is_queue_name, send_message
from functions_host.queue_polling import QueueNotifier

BLOB_POISON_QUEUE = "webjobs-blobtrigger-poison"
"""The poison queue of all blob functions, in the storage account of the blob."""

PoisonQueueOf = Callable[[QueueMessage], QueueClient]
"""Return the poison queue for a message."""

_SUFFIX = "-poison"

_log = logging.getLogger(__name__)


def poison_queue_of(queues: QueueServiceClient, queue: str) -> PoisonQueueOf | None:
    """Return the poison queue of a queue.

    It is None for a queue that is itself a poison queue, and for one whose name with `-poison` is too long.
    """
    if queue.endswith(_SUFFIX) or not is_queue_name(queue + _SUFFIX):
        return None
    return lambda _message: queues.get_queue_client(queue + _SUFFIX)


async def move_to_poison(
    message: QueueMessage,
    content: str,
    *,
    source: QueueClient,
    poison: QueueClient,
    notifier: QueueNotifier,
    reason: str,
) -> None:
    """Send `content` to the poison queue of a message, then delete the message from `source`.

    The poison queue is created if it is missing. If this host listens to it, it polls it at once. A host that
    is killed in between leaves both copies.
    """
    _log.error("Message %s %s. Moving it to queue '%s'.", message.id, reason, poison.queue_name)
    await send_message(poison, content)
    notifier.notify(poison.queue_name)
    await delete_message(source, message)
