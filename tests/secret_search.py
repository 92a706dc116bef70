"""Searches everything that was written for secrets: blobs with their metadata, queue messages, logs.

A queue shows only messages that are visible now. The others, and what was deleted or never committed, are in
the files of Azurite: these are read too.
"""

import base64
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from tests.integration.wait_until import until

MayHold = Callable[[str, str], bool]
"""Whether the secret of this name may be in this place."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """Something that was written, and where: `container/blob`, `queue name`, or the name of a file."""

    place: str
    content: bytes


AT_REST = "the file "
"""How the place of a file of Azurite begins. Nobody knows what was where in it: also what was deleted."""


async def stored(
    blobs: BlobServiceClient, queues: QueueServiceClient, azurite: Path
) -> AsyncIterator[Written]:
    """Yield all blobs, all messages of all queues, and each file in Azurite's folder as it is."""
    async for container in blobs.list_containers():
        client = blobs.get_container_client(container.name)
        async for blob in client.list_blobs(include=["metadata"]):
            content = await (await client.download_blob(blob.name)).readall()
            about = json.dumps([blob.name, dict(blob.metadata or {})]).encode()
            yield Written(place=f"{container.name}/{blob.name}", content=content + b"\n" + about)
    (messages,) = await until(lambda: _messages(queues, azurite))
    for each in (*messages, *_at_rest(azurite)):
        yield each


def _at_rest(azurite: Path) -> Iterator[Written]:
    for file in sorted(azurite.rglob("*")):
        if file.is_file():
            yield Written(place=f"{AT_REST}{file.name}", content=file.read_bytes())


async def _messages(queues: QueueServiceClient, azurite: Path) -> tuple[list[Written]] | None:
    """Return all messages, also hidden ones; None as long as Azurite has not written all of them down.

    It writes every five seconds which there are, and at once what they say.
    """
    found = Counter[str]()
    written = []
    for message in _collection(azurite / "__azurite_db_queue__.json", "$MESSAGES_COLLECTION$"):
        place = message["persistency"]
        content = (azurite / "__queuestorage__" / place["id"]).read_bytes()[place["offset"] :]
        found[message["queueName"]] += 1
        written.append(Written(place=f"queue {message['queueName']}", content=content[: place["count"]]))
    there = Counter[str]()
    async for queue in queues.list_queues():
        about = await queues.get_queue_client(queue.name).get_queue_properties()
        there[queue.name] = about.approximate_message_count or 0
    return (written,) if +there == found else None


def _collection(file: Path, name: str) -> list[dict[str, Any]]:
    database = json.loads(file.read_text())
    (documents,) = (one["data"] for one in database["collections"] if one["name"] == name)
    return list(documents)


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
