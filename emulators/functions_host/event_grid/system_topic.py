"""The system topic: watches an account for its subscriptions, and delivers their events."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeVar

import aiohttp
from azure.core.exceptions import AzureError
from azure.storage.blob.aio import BlobServiceClient

from functions_host.errors import SubscriptionError
from functions_host.event_grid.blob_watch import BlobKey, BlobVersion, BlobWatch
from functions_host.event_grid.dead_letters import DeadLetterContainer
from functions_host.event_grid.delivery_log import DeliveryLog
from functions_host.event_grid.event_clock import EventClock, SystemEventClock
from functions_host.event_grid.event_delivery import DeliveryOptions, EventDelivery
from functions_host.event_grid.event_subscription import EventSubscription
from functions_host.event_grid.storage_event import StorageEvent, blob_created
from functions_host.event_grid.webhook_client import WebhookClient
from functions_host.storage_connections import HOST_STORAGE, StorageConnections

_REST_FACTOR = 4
"""After a slow listing, the topic rests four times as long as it took, so that it never burdens Azurite."""

_LIVELY = 2.0
_LIVELY_INTERVAL = 0.05
"""For two seconds after an event, the topic looks that often: the next one often follows soon."""

_log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class TopicOptions:
    """The options of a topic."""

    interval: float = 0.4
    """Seconds between two listings, as long as nothing happens."""
    start_timeout: float = 30.0
    """Seconds in which the account must be there and the webhooks must confirm. Azure tries only once."""
    state: Path | None = None
    """Directory that remembers which events are done. Without it, a restart loses what was not delivered."""
    from_start: bool = False
    """Whether the first start raises events for the blobs that exist already."""
    delivery: DeliveryOptions = field(default_factory=DeliveryOptions)


class SystemTopic:
    """The topic of one storage account, between `start` and `stop`.

    `storage` are the settings `AzureWebJobsStorage…` of the account: a connection string, or an identity.
    """

    def __init__(
        self,
        storage: Mapping[str, str],
        subscriptions: Sequence[EventSubscription],
        options: TopicOptions | None = None,
        clock: EventClock | None = None,
    ) -> None:
        self._connections = StorageConnections(storage)
        self._subscriptions = subscriptions
        self._options = options or TopicOptions()
        self._clock = clock or SystemEventClock()
        self._http: aiohttp.ClientSession | None = None
        self._runners: list[_SubscriptionRunner] = []
        self._watches: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Confirm all subscriptions, and start to watch.

        Raises SubscriptionError if a webhook does not confirm, or the storage account cannot be listed.
        """
        # Connections are not kept: a webhook that restarts between two events would break the delivery.
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True))
        try:
            blobs = self._connections.blobs(HOST_STORAGE)
            for subscription in self._subscriptions:
                runner = _SubscriptionRunner(subscription, self._options, self._clock, blobs, self._http)
                self._runners.append(runner)
                await runner.start()
                self._watches.append(asyncio.create_task(runner.run()))
        except BaseException:
            await self.stop()
            raise

    async def run(self) -> None:
        """Wait until a watch ends, which only an error does. Raise that error."""
        await asyncio.gather(*self._watches)

    async def stop(self) -> None:
        """Stop at once. With `state`, the next start raises the events that are not delivered yet."""
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        for runner in self._runners:
            runner.close()
        if self._http is not None:
            await self._http.close()
        await self._connections.close()


class _SubscriptionRunner:
    """Watches for one subscription. Each subscription lists for itself, as each has a log of its own."""

    def __init__(
        self,
        subscription: EventSubscription,
        options: TopicOptions,
        clock: EventClock,
        blobs: BlobServiceClient,
        http: aiohttp.ClientSession,
    ) -> None:
        self._subscription = subscription
        self._options = options
        self._topic = topic_id(str(blobs.account_name))
        self._watch = BlobWatch(blobs, subscription.filter)
        self._done = DeliveryLog(options.state / f"{subscription.name}.jsonl" if options.state else None)
        self._webhook = WebhookClient(http, self._topic, subscription)
        dead_letters = subscription.dead_letter_container
        scale = options.delivery.retry_scale
        self._delivery = EventDelivery(
            webhook=self._webhook,
            retry=subscription.retry,
            dead_letters=DeadLetterContainer(
                blobs.get_container_client(dead_letters), subscription, clock, scale
            )
            if dead_letters
            else None,
            options=options.delivery,
            clock=clock,
        )
        self._seen: dict[BlobKey, str] = {}
        self._is_blind = False

    async def start(self) -> None:
        """Find out which blobs are no news, and confirm the subscription."""
        done = self._done.read()
        # Listed before the handshake, so that no blob can fall between the two.
        present = await self._retry(self._list)
        if done is None:
            done = {} if self._options.from_start else _tags(present)
        self._seen = {key: tag for key, tag in done.items() if key in present}
        await self._retry(self._webhook.confirm)
        self._done.open(self._seen)
        _log.info("Subscription '%s' of %s is confirmed", self._subscription.name, self._topic)

    async def run(self) -> None:
        """Watch and deliver, until cancelled."""
        lively_until = 0.0
        async with asyncio.TaskGroup() as deliveries:
            while True:
                started = time.monotonic()
                events = await self._new_events()
                for batch in _batches(events, self._subscription):
                    deliveries.create_task(self._deliver(batch))
                now = time.monotonic()
                if events:
                    lively_until = now + _LIVELY
                await asyncio.sleep(max(self._interval(now < lively_until), _REST_FACTOR * (now - started)))

    def _interval(self, is_lively: bool) -> float:
        interval = self._options.interval
        return min(_LIVELY_INTERVAL, interval) if is_lively else interval

    def close(self) -> None:
        """Close the log, after `run`."""
        self._done.close()

    async def _retry(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Repeat an attempt that raises SubscriptionError, until the start takes too long."""
        deadline = time.monotonic() + self._options.start_timeout
        while True:
            try:
                return await attempt()
            except SubscriptionError as error:
                if time.monotonic() > deadline:
                    raise
                _log.warning("Subscription '%s' is not active yet: %s", self._subscription.name, error)
                await asyncio.sleep(1)

    async def _list(self) -> Mapping[BlobKey, BlobVersion]:
        try:
            return await self._watch.list_versions()
        except AzureError as error:
            raise SubscriptionError(f"the storage account cannot be listed: {error}") from error

    async def _new_events(self) -> list[StorageEvent]:
        try:
            present = await self._list()
        except SubscriptionError as error:
            if not self._is_blind:
                _log.warning("%s", error)
            self._is_blind = True
            return []
        self._is_blind = False
        new = [version for key, version in present.items() if self._seen.get(key) != version.tag]
        self._seen = _tags(present)
        return [blob_created(self._topic, v) for v in sorted(new, key=lambda v: v.last_modified)]

    async def _deliver(self, events: Sequence[StorageEvent]) -> None:
        await self._delivery.deliver(events)
        for event in events:
            self._done.add(event.version)


def topic_id(account: str) -> str:
    """Return the resource id of a storage account, as the topic of its events. Only the account is real."""
    return (
        "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local"
        f"/providers/Microsoft.Storage/storageAccounts/{account}"
    )


def _tags(versions: Mapping[BlobKey, BlobVersion]) -> dict[BlobKey, str]:
    return {key: version.tag for key, version in versions.items()}


def _batches(
    events: Sequence[StorageEvent], subscription: EventSubscription
) -> Iterator[Sequence[StorageEvent]]:
    """Split events into the contents of requests."""
    batch: list[StorageEvent] = []
    size = 0
    for event in events:
        if batch and (
            len(batch) >= subscription.max_events_per_batch or size >= subscription.preferred_batch_bytes
        ):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += len(str(event.to_json(subscription.delivery_schema)))
    if batch:
        yield batch
