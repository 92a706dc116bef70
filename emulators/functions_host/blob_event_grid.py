"""The blob extension's webhook, which an Event Grid subscription calls for new blobs."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from azure.storage.blob import BlobClient

from functions_host.blob_queue_listener import BlobDispatcher
from functions_host.blob_trigger_queue import BlobMessage, BlobQueue


class BlobWebhook:
    """Answers `POST /runtime/webhooks/blobs?functionName=Host.Functions.{name}`."""

    def __init__(self, dispatcher: BlobDispatcher, queue: BlobQueue) -> None:
        self._dispatcher = dispatcher
        self._queue = queue

    async def handle(self, request: web.Request) -> web.Response:
        """Confirm a subscription, or put the blobs of a notification on the host's queue (202)."""
        function_id = request.query.get("functionName", "")
        if self._dispatcher.find(function_id) is None:
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
            await self._queue.put(message)
        return web.Response(status=202)


def _message(event: Mapping[str, Any], function_id: str) -> BlobMessage:
    data = event["data"]
    # The library knows the emulator's addresses too, in which the account is part of the path.
    blob = BlobClient.from_blob_url(data["url"])
    return BlobMessage(
        function_id=function_id,
        container=blob.container_name,
        blob=blob.blob_name,
        etag=f'"{data["eTag"]}"',
        blob_type=data.get("blobType", "BlockBlob"),
    )
