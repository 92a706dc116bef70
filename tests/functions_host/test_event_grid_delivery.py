"""Handshakes, attempts, pauses and dead letters, against a real receiver on a virtual clock."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import aiohttp
import pytest

from functions_host.errors import SubscriptionError
from functions_host.event_grid.dead_letters import DeadLetterContainer
from functions_host.event_grid.event_delivery import DeliveryOptions, EventDelivery
from functions_host.event_grid.event_subscription import EventSubscription, RetryPolicy
from functions_host.event_grid.storage_event import blob_created
from functions_host.event_grid.webhook_client import WebhookClient
from tests.functions_host.event_receiver import EventReceiver, VirtualClock, receiving
from tests.functions_host.storage_account import StorageAccount
from tests.functions_host.test_event_grid_values import a_version

EVENT = blob_created("/t", a_version("a.json"))


@pytest.fixture
async def receiver() -> AsyncIterator[EventReceiver]:
    async with receiving() as started:
        yield started


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def subscription(receiver: EventReceiver) -> EventSubscription:
    return EventSubscription(name="my-sub", webhook=receiver.url)


def delivery_of(
    http: aiohttp.ClientSession,
    subscription: EventSubscription,
    clock: VirtualClock,
    *,
    storage: StorageAccount | None = None,
    options: DeliveryOptions | None = None,
) -> EventDelivery:
    options = options or DeliveryOptions()
    container = storage.blobs.get_container_client("dead") if storage else None
    return EventDelivery(
        webhook=WebhookClient(http, "/t", subscription),
        retry=subscription.retry,
        dead_letters=DeadLetterContainer(container, subscription, clock, options.retry_scale)
        if container
        else None,
        options=options,
        clock=clock,
    )


class TestHandshake:
    async def test_the_webhook_returns_the_validation_code(
        self, http: aiohttp.ClientSession, receiver: EventReceiver, subscription: EventSubscription
    ) -> None:
        await WebhookClient(http, "/t", subscription).confirm()
        (call,) = receiver.handshakes
        assert call.headers["aeg-event-type"] == "SubscriptionValidation"
        (event,) = call.body
        assert event["eventType"] == "Microsoft.EventGrid.SubscriptionValidationEvent"
        assert (event["topic"], event["dataVersion"], event["metadataVersion"]) == ("/t", "2", "1")

    async def test_a_wrong_code_is_refused(
        self, http: aiohttp.ClientSession, receiver: EventReceiver, subscription: EventSubscription
    ) -> None:
        receiver.validation = "another"
        with pytest.raises(SubscriptionError, match="did not return the validation code"):
            await WebhookClient(http, "/t", subscription).confirm()

    async def test_a_wrong_path_is_refused(
        self, http: aiohttp.ClientSession, subscription: EventSubscription
    ) -> None:
        wrong = replace(subscription, webhook=subscription.webhook + "s")
        with pytest.raises(SubscriptionError, match="with 404"):
            await WebhookClient(http, "/t", wrong).confirm()

    async def test_cloud_events_ask_for_the_origin(
        self, http: aiohttp.ClientSession, receiver: EventReceiver, subscription: EventSubscription
    ) -> None:
        webhook = WebhookClient(http, "/t", replace(subscription, delivery_schema="CloudEventSchemaV1_0"))
        await webhook.confirm()
        (call,) = receiver.handshakes
        assert (call.method, call.headers["webhook-request-origin"]) == ("OPTIONS", "eventgrid.azure.net")
        receiver.allowed_origin = "example.com"
        with pytest.raises(SubscriptionError, match=r"allows the origin 'example.com'"):
            await webhook.confirm()


class TestDelivery:
    async def test_one_request_has_one_event_and_the_headers_of_event_grid(
        self,
        http: aiohttp.ClientSession,
        receiver: EventReceiver,
        subscription: EventSubscription,
        clock: VirtualClock,
    ) -> None:
        await delivery_of(http, subscription, clock).deliver([EVENT])
        (call,) = receiver.deliveries
        assert call.body == [EVENT.to_json("EventGridSchema")]
        assert call.headers["content-type"] == "application/json; charset=utf-8"
        assert {name: value for name, value in call.headers.items() if name.startswith("aeg-")} == {
            "aeg-event-type": "Notification",
            "aeg-subscription-name": "MY-SUB",
            "aeg-delivery-count": "0",
            "aeg-data-version": "",
            "aeg-metadata-version": "1",
        }
        assert clock.pauses == []

    async def test_a_cloud_event_has_its_content_type(
        self,
        http: aiohttp.ClientSession,
        receiver: EventReceiver,
        subscription: EventSubscription,
        clock: VirtualClock,
    ) -> None:
        one = replace(subscription, delivery_schema="CloudEventSchemaV1_0")
        await delivery_of(http, one, clock).deliver([EVENT])
        await delivery_of(http, replace(one, max_events_per_batch=9), clock).deliver([EVENT, EVENT])
        assert [call.headers["content-type"].partition(";")[0] for call in receiver.deliveries] == [
            "application/cloudevents+json",
            "application/cloudevents-batch+json",
        ]
        assert receiver.deliveries[0].body == EVENT.to_json("CloudEventSchemaV1_0")
        assert len(receiver.deliveries[1].body) == 2

    async def test_it_is_tried_again_after_the_documented_pauses(
        self,
        http: aiohttp.ClientSession,
        receiver: EventReceiver,
        subscription: EventSubscription,
        clock: VirtualClock,
    ) -> None:
        receiver.statuses = [500, 404, 503]
        await delivery_of(http, subscription, clock).deliver([EVENT])
        assert [call.headers["aeg-delivery-count"] for call in receiver.deliveries] == ["0", "1", "2", "3"]
        for pause, documented in zip(clock.pauses, (10, 30, 60), strict=True):
            assert documented <= pause <= 1.1 * documented

    async def test_pauses_can_be_scaled(
        self,
        http: aiohttp.ClientSession,
        receiver: EventReceiver,
        subscription: EventSubscription,
        clock: VirtualClock,
    ) -> None:
        receiver.statuses = [500]
        await delivery_of(http, subscription, clock, options=DeliveryOptions(retry_scale=0.1)).deliver(
            [EVENT]
        )
        (pause,) = clock.pauses
        assert 1 <= pause <= 1.1

    async def test_a_receiver_that_is_down_is_tried_again(
        self, http: aiohttp.ClientSession, clock: VirtualClock
    ) -> None:
        async with receiving() as gone:
            subscription = EventSubscription(
                name="x", webhook=gone.url, retry=RetryPolicy(max_delivery_attempts=3)
            )
        await delivery_of(http, subscription, clock).deliver([EVENT])
        assert [round(pause, -1) for pause in clock.pauses] == [10, 30]

    async def test_an_event_can_be_delivered_twice_on_request(
        self,
        http: aiohttp.ClientSession,
        receiver: EventReceiver,
        subscription: EventSubscription,
        clock: VirtualClock,
    ) -> None:
        await delivery_of(http, subscription, clock, options=DeliveryOptions(duplicate_rate=1)).deliver(
            [EVENT]
        )
        first, second = receiver.deliveries
        assert first.body == second.body

    async def test_events_are_delayed_at_random_on_request(
        self, http: aiohttp.ClientSession, subscription: EventSubscription, clock: VirtualClock
    ) -> None:
        options = DeliveryOptions(shuffle_seconds=5, seed=1)
        delivery = delivery_of(http, subscription, clock, options=options)
        for _ in range(20):
            await delivery.deliver([EVENT])
        assert len({round(pause) for pause in clock.pauses}) > 3
        assert max(clock.pauses) <= 5


@pytest.fixture
async def dead_letters(storage: StorageAccount) -> StorageAccount:
    await storage.blobs.create_container("dead")
    return storage


async def letters_in(storage: StorageAccount) -> list[tuple[str, dict[str, object]]]:
    container = storage.blobs.get_container_client("dead")
    return [
        (name, event)
        for name in await storage.names("dead")
        for event in json.loads(await (await container.download_blob(name)).readall())
    ]


class TestDeadLetters:
    @pytest.mark.parametrize("status", [400, 401, 403, 413])
    async def test_an_error_that_no_retry_can_mend_is_dead_lettered_after_one_attempt(
        self,
        http: aiohttp.ClientSession,
        receiver: EventReceiver,
        subscription: EventSubscription,
        clock: VirtualClock,
        dead_letters: StorageAccount,
        status: int,
    ) -> None:
        receiver.statuses = [status]
        await delivery_of(http, subscription, clock, storage=dead_letters).deliver([EVENT])
        ((_, letter),) = await letters_in(dead_letters)
        assert letter["deliveryAttempts"] == len(receiver.deliveries) == 1
        assert clock.pauses == [300]

    async def test_the_letter_is_the_event_and_why_it_was_not_delivered(
        self,
        http: aiohttp.ClientSession,
        receiver: EventReceiver,
        subscription: EventSubscription,
        clock: VirtualClock,
        dead_letters: StorageAccount,
    ) -> None:
        receiver.statuses = [404] * 9
        few = replace(subscription, retry=RetryPolicy(max_delivery_attempts=2))
        await delivery_of(http, few, clock, storage=dead_letters).deliver([EVENT, EVENT])
        first, second = await letters_in(dead_letters)
        assert first == second
        name, letter = first
        assert name.startswith("MY-SUB/2026/3/4/5/")
        assert name.endswith(".json")
        assert letter.pop("lastDeliveryAttemptTime") > str(letter["publishTime"])  # type: ignore[operator]
        assert letter == EVENT.to_json("EventGridSchema") | {
            "deadLetterReason": "MaxDeliveryAttemptsExceeded",
            "deliveryAttempts": 2,
            "lastDeliveryOutcome": "NotFound",
            "publishTime": "2026-03-04T05:06:07.0000000Z",
        }

    async def test_an_old_event_is_dead_lettered_when_its_next_attempt_is_due(
        self,
        http: aiohttp.ClientSession,
        receiver: EventReceiver,
        subscription: EventSubscription,
        clock: VirtualClock,
        dead_letters: StorageAccount,
    ) -> None:
        receiver.statuses = [500] * 30
        short = replace(
            subscription,
            retry=RetryPolicy(time_to_live=timedelta(minutes=30)),
            delivery_schema="CloudEventSchemaV1_0",
        )
        await delivery_of(http, short, clock, storage=dead_letters).deliver([EVENT])
        ((_, letter),) = await letters_in(dead_letters)
        assert letter["deadletterreason"] == "TimeToLiveExceeded"
        # The documentation's own example: at most six attempts in thirty minutes.
        assert letter["deliveryattempts"] == 6

    async def test_without_a_container_events_are_dropped(
        self,
        http: aiohttp.ClientSession,
        receiver: EventReceiver,
        subscription: EventSubscription,
        clock: VirtualClock,
        storage: StorageAccount,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        receiver.statuses = [400, 400]
        await delivery_of(http, subscription, clock).deliver([EVENT])
        await delivery_of(http, subscription, clock, storage=storage).deliver([EVENT])
        assert "a.json was dropped: UndeliverableDueToClientError" in caplog.text
        assert "a.json was dropped: no container for dead letters" in caplog.text
