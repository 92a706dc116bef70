"""What a storage account holds, as text in which nothing depends on chance."""

import json
import re
from collections import Counter
from typing import Any

from azure.storage.blob import BlobProperties
from azure.storage.blob.aio import BlobServiceClient, ContainerClient
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from tests.functions_host.recordings.transcript import masked, numbered_blobs_alike, readable

HOST_CONTAINER = "azure-webjobs-hosts"
_MOMENT = re.compile(r"\b2\d\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?")
_LONGEST_SHOWN = 2000
_MOST_PEEKED = 32
_SECONDS_PER_DAY = 86400


async def storage_state(queues: QueueServiceClient, blobs: BlobServiceClient) -> dict[str, Any]:
    """Return every queue with its messages, and every container with its blobs."""
    return {
        "queues": {q.name: await _queue(queues.get_queue_client(q)) async for q in queues.list_queues()},
        "containers": {
            c.name: await _container(blobs.get_container_client(c.name))
            async for c in blobs.list_containers()
        },
    }


async def _queue(client: QueueClient) -> dict[str, Any]:
    count = (await client.get_queue_properties()).approximate_message_count or 0
    visible = [_message(message) for message in await client.peek_messages(_MOST_PEEKED)]
    times = Counter(json.dumps(message) for message in visible)
    shown = [json.loads(text) | ({"times": n} if n > 1 else {}) for text, n in sorted(times.items())]
    return {"messages": count, "hidden": max(0, count - len(visible)), "visible": shown}


def _message(message: QueueMessage) -> dict[str, Any]:
    assert message.expires_on is not None
    assert message.inserted_on is not None
    days = (message.expires_on - message.inserted_on).total_seconds() / _SECONDS_PER_DAY
    ttl = "never expires" if message.expires_on.year == 9999 else round(days, 2)
    return {"text": readable(message.content), "dequeueCount": message.dequeue_count, "ttlDays": ttl}


async def _container(client: ContainerClient) -> list[str]:
    texts: Counter[str] = Counter()
    async for blob in client.list_blobs(include=["metadata"]):
        texts[numbered_blobs_alike(await _blob(client, blob))] += 1
    return [f"{n} x {text}" if n > 1 else text for text, n in sorted(texts.items())]


async def _blob(client: ContainerClient, blob: BlobProperties) -> str:
    text = masked(blob.name).replace(str(client.account_name), "ACCOUNT")
    if client.container_name == HOST_CONTAINER and 0 < blob.size < _LONGEST_SHOWN:
        content = await (await client.download_blob(blob.name)).readall()
        text += f" = {_moments_alike(masked(content.decode()))}"
    else:
        text += f" ({blob.size} bytes)"
    if blob.metadata:
        metadata = sorted(blob.metadata.items())
        text += f" metadata {','.join(masked(f'{name}={value}') for name, value in metadata)}"
    if blob.lease.state not in (None, "available"):
        text += f" lease {blob.lease.state}"
    return text


def _moments_alike(text: str) -> str:
    """Keep the form of moments only."""
    return _MOMENT.sub("YYYY-MM-DDThh:mm:ss[.fffffff]", text)
