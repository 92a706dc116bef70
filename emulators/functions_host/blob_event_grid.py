"""The webhook of the blob extension, which an Event Grid subscription calls for new blobs."""

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from azure.storage.blob import BlobClient

from functions_host.blob_trigger_queue import BlobTriggerMessage, BlobTriggerQueue


class BlobEventGridWebhook:
    """Handles `/runtime/webhooks/blobs?functionName=Host.Functions.{name}`.

    The name of the function is not checked. If no blob function has it, the webhook confirms the subscription
    and accepts its events, and the listener of the queue drops them. The real host does the same.
    Source: https://github.com/Azure/azure-functions-host/issues/8802
    """

    def __init__(self, queue: BlobTriggerQueue) -> None:
        self._queue = queue

    async def handle(self, request: web.Request) -> web.Response:
        """Confirm a subscription (200), or enqueue the blobs of a notification (202).

        Returns 400 for any other request, and 500 for a body that is not what its headers say.
        """
        if request.method == "OPTIONS" and "WebHook-Request-Origin" in request.headers:
            # The handshake of subscriptions in the CloudEvents schema.
            origin = request.headers["WebHook-Request-Origin"]
            return web.Response(headers={"Webhook-Allowed-Origin": origin})
        kind = request.headers.get("aeg-event-type", "").lower()
        try:
            match kind:
                case "subscriptionvalidation":
                    return await _confirm(request)
                case "notification":
                    await self._enqueue(request)
                case "unsubscribe":
                    pass
                case _:
                    return web.Response(status=400)
        except (IndexError, KeyError, TypeError, ValueError):
            return web.Response(status=500)
        return web.Response(status=202)

    async def _enqueue(self, request: web.Request) -> None:
        function_id = request.query.get("functionName", "")
        for message in [_message(event, function_id) for event in await _events(request)]:
            await self._queue.enqueue(message)


async def _confirm(request: web.Request) -> web.Response:
    code = (await _events(request))[0]["data"]["validationCode"]
    # The real host sends JSON under the type text/plain.
    return web.Response(text=json.dumps({"validationResponse": code}, separators=(",", ":")))


async def _events(request: web.Request) -> list[Mapping[str, Any]]:
    """Return the events of a request. One event may be sent without an array."""
    if request.content_type == "application/x-www-form-urlencoded":
        raise ValueError("the body is a form")
    document = json.loads(await request.text())
    return document if isinstance(document, list) else [document]


def _message(event: Mapping[str, Any], function_id: str) -> BlobTriggerMessage:
    data = event["data"]
    # The client library can also parse the URLs of Azurite, in which the account is part of the path.
    blob = BlobClient.from_blob_url(data["url"])
    return BlobTriggerMessage(
        function_id=function_id,
        container=blob.container_name,
        blob=blob.blob_name,
        etag='"' + data["eTag"].strip('"') + '"',
        blob_type=data.get("blobType", "BlockBlob"),
    )
