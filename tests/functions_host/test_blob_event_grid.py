"""Blob functions with the source EventGrid have a webhook instead of a scan."""

import json

import aiohttp
import pytest

from functions_host.job_host import JobHost
from tests.functions_host.storage_account import StorageAccount

STATE = "azure-webjobs-hosts"


class TestEventGrid:
    URL = "/runtime/webhooks/blobs?functionName=Host.Functions.on_event"

    async def post(self, host: JobHost, kind: str, body: object, url: str = URL) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession(host.url) as http,
            http.post(url, json=body, headers={"aeg-event-type": kind}) as answer,
        ):
            return answer.status, await answer.text()

    async def test_a_subscription_is_confirmed(self, host: JobHost) -> None:
        event = {"data": {"validationCode": "512d38b6"}}
        status, text = await self.post(host, "SubscriptionValidation", [event])
        assert (status, json.loads(text)) == (200, {"validationResponse": "512d38b6"})

    async def test_a_blob_runs_once_for_each_event_without_receipts(
        self, host: JobHost, storage: StorageAccount
    ) -> None:
        await storage.upload("events", "a/b", "hello")
        url = storage.blobs.get_blob_client("events", "a/b").url
        event = {
            "eventType": "Microsoft.Storage.BlobCreated",
            "data": {"url": url, "eTag": "0x1", "blobType": "BlockBlob"},
        }
        status, _ = await self.post(host, "Notification", [event, event])
        assert status == 202
        seen = await storage.until_seen("event", 2)
        assert seen == [{"name": "events/a/b", "body": "hello"}] * 2
        assert await storage.names(STATE, "blobreceipts/testhost/Host.Functions.on_event/") == []

    async def test_its_container_is_not_scanned(self, host: JobHost, storage: StorageAccount) -> None:
        await storage.upload("events", "a", "x")
        await storage.upload("results", "a.json", "x")
        await storage.until_seen("blob")
        assert await storage.seen("event") == []

    @pytest.mark.parametrize(
        ("kind", "body", "function", "status"),
        [
            ("Notification", [{"data": {}}], "on_event", 400),
            ("Notification", "text", "on_event", 400),
            ("Other", [], "on_event", 400),
            ("Unsubscribe", [], "on_event", 202),
            ("Notification", [], "nobody", 404),
        ],
    )
    async def test_other_calls_have_a_status_that_says_what_is_wrong(
        self, host: JobHost, kind: str, body: object, function: str, status: int
    ) -> None:
        url = f"/runtime/webhooks/blobs?functionName=Host.Functions.{function}"
        assert (await self.post(host, kind, body, url))[0] == status
