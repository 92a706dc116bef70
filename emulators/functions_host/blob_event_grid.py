"""The webhook of the blob extension, which an Event Grid subscription calls for new blobs."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from azure.storage.blob import BlobClient

from functions_host.blob_queue_listener import BlobQueueListener
from functions_host.blob_trigger_queue import BlobTriggerMessage, BlobTriggerQueue


class BlobEventGridWebhook:
    """Handles `POST /runtime/webhooks/blobs?functionName=Host.Functions.{name}`."""

    def __init__(self, listener: BlobQueueListener, queue: BlobTriggerQueue) -> None:
        self._listener = listener
        self._queue = queue

    async def handle(self, request: web.Request) -> web.Response:
        """Confirm a subscription (200), or enqueue the blobs of a notification (202)."""
        function_id = request.query.get("functionName", "")
        if self._listener.find(function_id) is None:
            return web.Response(status=404)
        kind = request.headers.get("aeg-event-type", "").lower()
        if kind == "unsubscribe":
            return web.Response(status=202)
        try:
            document = await request.json()
            events = document if isinstance(document, list) else [document]
            if kind == "subscriptionvalidation":
                return web.json_response({"validationResponse": events[0]["data"]["validationCode"]})
            messages = [_message(event, function_id) for event in events]
        except (IndexError, KeyError, TypeError, ValueError):
            return web.Response(status=400)
        if kind != "notification":
            return web.Response(status=400)
        for message in messages:
            await self._queue.enqueue(message)
        return web.Response(status=202)


def _message(event: Mapping[str, Any], function_id: str) -> BlobTriggerMessage:
    data = event["data"]
    # The client library can also parse the URLs of Azurite, in which the account is part of the path.
    blob = BlobClient.from_blob_url(data["url"])
    return BlobTriggerMessage(
        function_id=function_id,
        container=blob.container_name,
        blob=blob.blob_name,
        etag=f'"{data["eTag"]}"',
        blob_type=data.get("blobType", "BlockBlob"),
    )
