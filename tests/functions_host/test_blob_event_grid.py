"""Blob functions with the source EventGrid have a webhook instead of a scan."""

from typing import Any

import aiohttp
import pytest

from functions_host.job_host import JobHost
from tests.functions_host.conftest import Hosts
from tests.functions_host.storage_account import StorageAccount, until

STATE = "azure-webjobs-hosts"
HOST_ID = "testhost"
VALIDATION = [{"data": {"validationCode": "512d38b6"}}]


class TestEventGrid:
    URL = "/runtime/webhooks/blobs?functionName=Host.Functions.on_event"

    async def post(self, host: JobHost, kind: str, body: object, url: str = URL) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession(host.url) as http,
            http.post(url, json=body, headers={"aeg-event-type": kind}) as answer,
        ):
            return answer.status, await answer.text()

    async def test_a_subscription_is_confirmed(self, host: JobHost) -> None:
        answer = await self.post(host, "SubscriptionValidation", VALIDATION)
        assert answer == (200, '{"validationResponse":"512d38b6"}')

    async def test_a_blob_runs_once_for_each_event_without_receipts(
        self, host: JobHost, storage: StorageAccount
    ) -> None:
        await storage.upload("events", "a/b", "hello")
        event = event_of(storage, "a/b")
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
        ("kind", "body", "status"),
        [
            ("Notification", [{"data": {}}], 500),
            ("Notification", "text", 500),
            ("Notification", [1], 500),
            ("SubscriptionValidation", [{"data": {}}], 500),
            ("Other", [], 400),
            ("Unsubscribe", [], 202),
        ],
    )
    async def test_other_calls_have_the_status_of_the_real_host(
        self, host: JobHost, kind: str, body: object, status: int
    ) -> None:
        assert (await self.post(host, kind, body))[0] == status

    async def test_events_for_a_function_that_does_not_exist_are_accepted_and_lost(
        self, host: JobHost, storage: StorageAccount
    ) -> None:
        url = "/runtime/webhooks/blobs?functionName=Host.Functions.nobody"
        await storage.upload("events", "a", "lost")
        validation = await self.post(host, "SubscriptionValidation", VALIDATION, url)
        assert validation == (200, '{"validationResponse":"512d38b6"}')
        assert (await self.post(host, "Notification", [event_of(storage, "a")], url))[0] == 202

        async def dropped() -> bool:
            return await storage.count(f"azure-webjobs-blobtrigger-{HOST_ID}") == 0

        await until(dropped)
        assert await storage.seen("event") == []
        assert await storage.peek("webjobs-blobtrigger-poison") == []

    async def test_the_handshake_of_cloud_events_is_answered(self, host: JobHost) -> None:
        async with (
            aiohttp.ClientSession(host.url) as http,
            http.options(self.URL, headers={"WebHook-Request-Origin": "eventgrid.azure.net"}) as answer,
        ):
            assert answer.status == 200
            assert answer.headers["WebHook-Allowed-Origin"] == "eventgrid.azure.net"

    async def test_get_is_refused(self, host: JobHost) -> None:
        async with aiohttp.ClientSession(host.url) as http, http.get(self.URL) as answer:
            assert answer.status == 400

    async def test_it_needs_the_system_key_or_the_master_key(self, running_host: Hosts) -> None:
        async with running_host(enable_auth=True) as host:
            keys = host.keys
            found = {}
            for key in (keys.system, keys.master, keys.function, ""):
                status, _ = await self.post(
                    host, "SubscriptionValidation", VALIDATION, f"{self.URL}&code={key}"
                )
                found[key] = status == 200
            assert found == {keys.system: True, keys.master: True, keys.function: False, "": False}


def event_of(storage: StorageAccount, name: str) -> dict[str, Any]:
    url = storage.blobs.get_blob_client("events", name).url
    return {
        "eventType": "Microsoft.Storage.BlobCreated",
        "data": {"url": url, "eTag": "0x1", "blobType": "BlockBlob"},
    }
