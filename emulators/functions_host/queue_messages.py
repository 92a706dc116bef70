"""Send, decode, release, renew and delete the messages of storage queues."""

import base64
import binascii
import logging
import re

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from functions_host.errors import ConfigurationError
from functions_host.storage_creation import create_queue

_QUEUE_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_QUEUE_NAME_LENGTHS = range(3, 64)

# .NET skips these four characters in base64, and no others.
_BASE64_WHITE_SPACE = str.maketrans("", "", " \t\r\n")
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")

_LOST = ("PopReceiptMismatch", "MessageNotFound", "QueueNotFound", "QueueBeingDeleted")

_log = logging.getLogger(__name__)


def is_queue_name(name: str) -> bool:
    """Return whether a storage queue can have this name."""
    return len(name) in _QUEUE_NAME_LENGTHS and _QUEUE_NAME.fullmatch(name) is not None


def check_queue_name(name: str) -> None:
    """Raise ConfigurationError if no storage queue can have this name."""
    if not is_queue_name(name):
        raise ConfigurationError(
            f"'{name}' is not a queue name: it must have 3 to 63 lower-case letters, digits and single "
            "dashes, and begin and end with a letter or digit"
        )


def decode_body(content: str, *, is_base64: bool) -> bytes:
    """Return the body of a message with this text. Raises ValueError if it should be base64 but is not.

    Base64 is what .NET takes: white space is skipped, bits left over in the last character are ignored, and
    the padding must be complete.
    """
    if not is_base64:
        return content.encode()
    compact = content.translate(_BASE64_WHITE_SPACE)
    if len(compact) % 4 or not _BASE64.fullmatch(compact):
        raise ValueError("not base64")
    return binascii.a2b_base64(compact)


def encode_body(body: bytes, *, is_base64: bool) -> str:
    """Return the text of a message with this body."""
    return base64.b64encode(body).decode() if is_base64 else body.decode(errors="replace")


async def send_message(queue: QueueClient, content: str) -> None:
    """Send `content` unchanged. Create the queue first if it is missing.

    Several senders can find the queue missing at the same time; each of them then sends its message again.
    Raises ResourceExistsError if the queue is just being deleted.
    """
    try:
        await queue.send_message(content)
    except ResourceNotFoundError:
        await create_queue(queue)
        await queue.send_message(content)


async def delete_message(queue: QueueClient, message: QueueMessage) -> None:
    """Delete a message. Do nothing if it is gone, or if another host has received it in the meantime."""
    try:
        await queue.delete_message(message.id, message.pop_receipt)
    except HttpResponseError as error:
        _raise_unless_lost(message, error)


async def release_message(queue: QueueClient, message: QueueMessage, *, hidden_seconds: int) -> None:
    """Make a message visible after `hidden_seconds`. Do nothing if it is gone or another host has it."""
    try:
        await queue.update_message(message.id, message.pop_receipt, visibility_timeout=hidden_seconds)
    except HttpResponseError as error:
        _raise_unless_lost(message, error)


async def renew_message(queue: QueueClient, message: QueueMessage, *, hidden_seconds: int) -> bool:
    """Hide a message again. Return False if it is gone or another host has it."""
    try:
        renewed = await queue.update_message(
            message.id, message.pop_receipt, visibility_timeout=hidden_seconds
        )
    except HttpResponseError as error:
        _raise_unless_lost(message, error)
        return False
    message.pop_receipt = renewed.pop_receipt
    return True


def is_transient(error: AzureError) -> bool:
    """Return whether a queue may work again later: it is missing or being deleted, or the server failed."""
    if not isinstance(error, HttpResponseError):
        return False
    code = getattr(error, "error_code", None)
    return code in ("QueueNotFound", "QueueBeingDeleted") or (error.status_code or 0) >= 500


def _raise_unless_lost(message: QueueMessage, error: HttpResponseError) -> None:
    code = getattr(error, "error_code", None)
    if code not in _LOST:
        raise error
    _log.warning("Message %s is gone, or another host has received it (%s)", message.id, code)
