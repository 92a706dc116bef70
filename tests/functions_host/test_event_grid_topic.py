"""The topic watches a real account: what it raises events for, and what a restart does."""

import asyncio
import json
import signal
import sys
from argparse import ArgumentParser
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from functions_host.errors import SubscriptionError
from functions_host.event_grid.event_delivery import DeliveryOptions
from functions_host.event_grid.event_subscription import EventFilter, EventSubscription, blob_subject
from functions_host.event_grid.system_topic import SystemTopic, TopicOptions
from functions_host.event_grid.topic_command import add_arguments
from tests.functions_host.conftest import Hosts
from tests.functions_host.event_receiver import EventReceiver, receiving
from tests.functions_host.storage_account import StorageAccount

SOME_LISTINGS = 0.5
"""Long enough for several listings: what has not come by then does not come."""


@pytest.fixture
async def receiver() -> AsyncIterator[EventReceiver]:
    async with receiving() as started:
        yield started


@pytest.fixture
async def account(storage: StorageAccount) -> StorageAccount:
    """An account with the containers `uploads` and `uploads2`."""
    for container in ("uploads", "uploads2"):
        await storage.blobs.create_container(container)
    return storage


def topic_of(
    account: StorageAccount, url: str, *, options: TopicOptions | None = None, **subscription: Any
) -> SystemTopic:
    """A topic with one subscription, by default on the container `uploads`."""
    default = EventSubscription(
        name="local", webhook=url, filter=EventFilter(subject_begins_with=blob_subject("uploads", ""))
    )
    return SystemTopic(
        {"AzureWebJobsStorage": account.connection_string},
        [replace(default, **subscription)],
        options or quick(),
    )


def quick(**fields: Any) -> TopicOptions:
    """Options with short pauses."""
    options = TopicOptions(interval=0.05, start_timeout=0, delivery=DeliveryOptions(retry_scale=0.01))
    return replace(options, **fields)


class TestEvents:
    async def test_just_after_an_event_the_topic_looks_more_often(
        self, account: StorageAccount, receiver: EventReceiver
    ) -> None:
        await account.upload("uploads", "first", "one")
        async with topic_of(account, receiver.url, options=quick(interval=60, from_start=True)):
            await receiver.received(1)
            await account.upload("uploads", "second", "two")
            await receiver.received(2)

    async def test_new_and_overwritten_blobs_raise_an_event_each(
        self, account: StorageAccount, receiver: EventReceiver
    ) -> None:
        async with topic_of(account, receiver.url):
            await account.upload("uploads", "a b/ü.txt", "one")
            await receiver.received(1)
            await account.upload("uploads", "a b/ü.txt", "other")
            first, second = await receiver.received(2)
        (one,), (two,) = first.body, second.body
        blob = account.blobs.get_blob_client("uploads", "a b/ü.txt")
        properties = await blob.get_blob_properties()
        assert two["subject"] == "/blobServices/default/containers/uploads/blobs/a b/ü.txt"
        assert one["data"]["eTag"] != two["data"]["eTag"] == properties.etag.strip('"')
        assert (one["data"]["contentLength"], two["data"]["contentLength"]) == (3, 5)
        assert two["data"]["url"] == blob.url
        assert one["data"]["sequencer"] < two["data"]["sequencer"]
        assert two["topic"].endswith(f"/storageAccounts/{account.blobs.account_name}")

    async def test_filters_are_applied_and_missing_containers_are_no_error(
        self, account: StorageAccount, receiver: EventReceiver
    ) -> None:
        event_filter = EventFilter(
            subject_begins_with="/blobServices/default/containers/up", subject_ends_with=".json"
        )
        async with topic_of(account, receiver.url, filter=event_filter):
            await account.upload("uploads", "no.txt", "x")
            await account.upload("events", "other.json", "x")
            await account.upload("uploads2", "a.JSON", "x")
            await account.blobs.create_container("upstairs")
            await account.upload("upstairs", "b.json", "x")
            await receiver.received(2)
            await asyncio.sleep(SOME_LISTINGS)
        assert sorted(receiver.names) == ["a.JSON", "b.json"]

    async def test_a_blob_that_is_deleted_and_written_again_raises_an_event(
        self, account: StorageAccount, receiver: EventReceiver
    ) -> None:
        async with topic_of(account, receiver.url):
            await account.upload("uploads", "a", "same")
            await receiver.received(1)
            await account.blobs.get_blob_client("uploads", "a").delete_blob()
            await asyncio.sleep(SOME_LISTINGS)
            await account.upload("uploads", "a", "same")
            await receiver.received(2)

    async def test_an_append_blob_raises_an_event_when_it_is_created_only(
        self, account: StorageAccount, receiver: EventReceiver
    ) -> None:
        blob = account.blobs.get_blob_client("uploads", "log")
        async with topic_of(account, receiver.url):
            await blob.create_append_blob()
            await receiver.received(1)
            await blob.append_block(b"line")
            await asyncio.sleep(SOME_LISTINGS)
        (call,) = receiver.deliveries
        assert call.body[0]["data"]["blobType"] == "AppendBlob"

    async def test_batches_are_filled_but_never_waited_for(
        self, account: StorageAccount, receiver: EventReceiver
    ) -> None:
        for name in "abcde":
            await account.upload("uploads", name, "x")
        async with topic_of(account, receiver.url, options=quick(from_start=True), max_events_per_batch=2):
            await receiver.received(3)
        assert sorted(len(call.subjects) for call in receiver.deliveries) == [1, 2, 2]
        assert sorted(receiver.names) == ["a", "b", "c", "d", "e"]

    async def test_several_subscriptions_get_their_own_events(self, account: StorageAccount) -> None:
        async with receiving() as all_of_them, receiving() as only_json:
            subscriptions = [
                EventSubscription(name="all", webhook=all_of_them.url),
                EventSubscription(
                    name="json", webhook=only_json.url, filter=EventFilter(subject_ends_with=".json")
                ),
            ]
            async with SystemTopic(
                {"AzureWebJobsStorage": account.connection_string}, subscriptions, quick()
            ):
                await account.upload("uploads", "a.json", "x")
                await account.upload("uploads2", "b.txt", "x")
                await all_of_them.received(2)
                await only_json.received(1)
        assert sorted(all_of_them.names) == ["a.json", "b.txt"]
        assert only_json.names == ["a.json"]


class TestStart:
    async def test_a_new_subscription_gets_no_events_of_blobs_that_exist(
        self, account: StorageAccount, receiver: EventReceiver
    ) -> None:
        await account.upload("uploads", "old", "x")
        async with topic_of(account, receiver.url):
            await account.upload("uploads", "new", "x")
            await receiver.received(1)
            await asyncio.sleep(SOME_LISTINGS)
        assert receiver.names == ["new"]

    async def test_a_webhook_that_does_not_confirm_is_an_error(self, account: StorageAccount) -> None:
        async with receiving() as gone:
            pass
        with pytest.raises(SubscriptionError, match="could not be called"):
            await topic_of(account, gone.url).start()

    async def test_a_webhook_that_starts_later_is_waited_for(self, account: StorageAccount) -> None:
        async with receiving() as receiver:
            receiver.validation = "not yet"
            options = quick(start_timeout=10)
            topic = topic_of(account, receiver.url, options=options)
            starting = asyncio.create_task(topic.start())
            while not receiver.handshakes:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            receiver.validation = None
            await starting
            await topic.stop()
            assert len(receiver.handshakes) == 2

    async def test_an_account_that_cannot_be_listed_is_an_error(self, receiver: EventReceiver) -> None:
        text = (
            "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;BlobEndpoint=http://127.0.0.1:1/a;"
        )
        topic = SystemTopic(
            {"AzureWebJobsStorage": text}, [EventSubscription(name="x", webhook=receiver.url)], quick()
        )
        with pytest.raises(SubscriptionError, match="cannot be listed"):
            await topic.start()


class TestRestart:
    async def test_what_was_written_while_it_was_stopped_is_raised_and_the_rest_is_not(
        self, account: StorageAccount, receiver: EventReceiver, tmp_path: Path
    ) -> None:
        options = quick(state=tmp_path / "state")
        await account.upload("uploads", "before", "x")
        async with topic_of(account, receiver.url, options=options):
            await account.upload("uploads", "first", "x")
            await receiver.received(1)
        await account.upload("uploads", "meanwhile", "x")
        async with topic_of(account, receiver.url, options=options):
            await receiver.received(2)
            await asyncio.sleep(SOME_LISTINGS)
        assert receiver.names == ["first", "meanwhile"]

    async def test_an_event_that_was_not_delivered_is_raised_again(
        self, account: StorageAccount, receiver: EventReceiver, tmp_path: Path
    ) -> None:
        options = quick(state=tmp_path / "state", delivery=DeliveryOptions())
        receiver.statuses = [500]
        async with topic_of(account, receiver.url, options=options):
            await account.upload("uploads", "a", "x")
            await receiver.received(1)
        async with topic_of(account, receiver.url, options=options):
            first, again = await receiver.received(2)
            await asyncio.sleep(SOME_LISTINGS)
        assert first.body[0]["id"] == again.body[0]["id"]
        async with topic_of(account, receiver.url, options=options):
            await asyncio.sleep(SOME_LISTINGS)
        assert len(receiver.deliveries) == 2

    async def test_from_start_raises_events_of_existing_blobs_once(
        self, account: StorageAccount, receiver: EventReceiver, tmp_path: Path
    ) -> None:
        options = quick(state=tmp_path / "state", from_start=True)
        await account.upload("uploads", "old", "x")
        async with topic_of(account, receiver.url, options=options):
            await receiver.received(1)
            await asyncio.sleep(SOME_LISTINGS)
        async with topic_of(account, receiver.url, options=options):
            await asyncio.sleep(SOME_LISTINGS)
        assert receiver.names == ["old"]


async def start_command(*options: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "functions_host.event_grid", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


class TestCommand:
    async def test_it_raises_events_from_its_json_line_to_sigterm(
        self, account: StorageAccount, receiver: EventReceiver
    ) -> None:
        process = await start_command(
            *("--connection-string", account.connection_string, "--webhook", receiver.url, "--json"),
            *("--container", "uploads", "--prefix", "in/", "--suffix", ".json", "--interval", "0.05"),
        )
        assert process.stdout is not None
        assert json.loads(await process.stdout.readline()) == {"subscriptions": ["local"]}
        for name in ("out/a.json", "in/b.txt", "in/c.json"):
            await account.upload("uploads", name, "x")
        await receiver.received(1)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        assert receiver.names == ["in/c.json"]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ((), "give the URL of a webhook"),
            (("--webhook", "http://localhost", "--prefix", "a"), "--prefix needs --container"),
            (("--webhook", "http://localhost", "--max-delivery-attempts", "0"), "must be 1 to 30"),
        ],
    )
    async def test_what_is_wrong_is_one_line_and_exit_code_1(
        self, options: tuple[str, ...], message: str
    ) -> None:
        process = await start_command(*options)
        _, log = await process.communicate()
        assert process.returncode == 1
        assert message in log.decode()
        assert len(log.decode().splitlines()) == 1


class TestWithTheHost:
    async def test_a_blob_function_of_the_source_event_grid_runs(
        self, running_host: Hosts, storage: StorageAccount
    ) -> None:
        async with running_host(enable_auth=True) as host:
            webhook = (
                f"{host.url}/runtime/webhooks/blobs"
                f"?functionName=Host.Functions.on_event&code={host.keys.system}"
            )
            event_filter = EventFilter(subject_begins_with=blob_subject("events", ""))
            async with topic_of(storage, webhook, filter=event_filter):
                await storage.upload("events", "a b/ü", "hello")
                seen = await storage.until_seen("event")
        assert seen == [{"name": "events/a b/ü", "body": "hello"}]


def test_every_option_is_documented() -> None:
    parser = ArgumentParser()
    add_arguments(parser)
    page = (Path(__file__).parents[2] / "docs" / "embedded-host.md").read_text()
    section = page[page.index("## Event Grid on one machine") :]
    options = {option for action in parser._actions for option in action.option_strings if option[1] == "-"}
    assert {option for option in options if f"`{option}" not in section} == {"--help"}
