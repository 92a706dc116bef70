"""Searches everything that was written for secrets: blobs with their metadata, queue messages, logs."""

import base64
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote, unquote

from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

MayHold = Callable[[str, str], bool]
"""Whether the secret of this name may be in this place."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """Something that was written, and where: `container/blob`, `queue name`, or the name of a file."""

    place: str
    content: bytes


async def stored(blobs: BlobServiceClient, queues: QueueServiceClient) -> AsyncIterator[Written]:
    """Yield all blobs, and the messages that are visible in all queues."""
    async for container in blobs.list_containers():
        client = blobs.get_container_client(container.name)
        async for blob in client.list_blobs(include=["metadata"]):
            content = await (await client.download_blob(blob.name)).readall()
            about = json.dumps([blob.name, dict(blob.metadata or {})]).encode()
            yield Written(place=f"{container.name}/{blob.name}", content=content + b"\n" + about)
    async for queue in queues.list_queues():
        for message in await queues.get_queue_client(queue.name).peek_messages(max_messages=32):
            yield Written(place=f"queue {queue.name}", content=str(message.content).encode())


def logged(directory: Path, pattern: str) -> Iterator[Written]:
    """Yield the log files of this name below a directory."""
    for file in sorted(directory.glob(pattern)):
        yield Written(place=file.name, content=file.read_bytes())


def leaks(written: Iterable[Written], secrets: Mapping[str, str], may_hold: MayHold) -> list[str]:
    """Return one sentence for each secret that is where it may not be, in whatever form."""
    found = []
    for name, secret in secrets.items():
        forms = _forms(secret)
        for each in written:
            if not may_hold(name, each.place) and any(form in each.content for form in forms):
                found.append(f"{name} is in {each.place}")
    return found


def _forms(secret: str) -> set[bytes]:
    """The secret as it may be written: in URLs, HTML, JSON and base64."""
    texts = {secret, unquote(secret)}
    for text in tuple(texts):
        texts |= {quote(text, safe=""), quote(quote(text, safe=""), safe=""), quote(text), escape(text)}
        texts |= {
            json.dumps(text)[1:-1],
            json.dumps(json.dumps(text)[1:-1])[1:-1],
            text.upper(),
            text.lower(),
        }
    return {text.encode() for text in texts} | {
        form for text in (secret, unquote(secret)) for form in _in_base64(text.encode())
    }


def _in_base64(secret: bytes) -> Iterator[bytes]:
    """The part of the secret's base64 that does not depend on what stands around it, at three offsets."""
    for before in range(3):
        text = base64.b64encode(b"\0" * before + secret)
        start, end = (0, 2, 3)[before], len(text) - (4 if (before + len(secret)) % 3 else 0)
        yield text[start:end]
