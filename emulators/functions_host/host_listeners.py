"""Creates, starts and stops the triggers of an app's functions, except for HTTP."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from azure.storage.blob.aio import ContainerClient

from functions_host.blob_event_grid import BlobEventGridWebhook
from functions_host.blob_queue_listener import BlobQueueListener
from functions_host.blob_scan import BlobScan
from functions_host.blob_trigger import BlobTrigger, BlobTriggerServices
from functions_host.blob_trigger_queue import BlobTriggerQueue, blob_trigger_queue_name
from functions_host.errors import ConfigurationError
from functions_host.function_metadata import Function
from functions_host.invocation import Invoker
from functions_host.queue_polling import QueueNotifier
from functions_host.queue_trigger import QueueTrigger
from functions_host.settings import HostSettings
from functions_host.singleton_lease import LeaseTimes, SingletonLease
from functions_host.storage_connections import HOST_STORAGE, StorageConnections
from functions_host.storage_creation import create_container
from functions_host.timer_schedule import parse_schedule
from functions_host.timer_trigger import TimerTrigger
from functions_host.trigger_data import TriggerData
from functions_host.unhandled_errors import UnhandledErrors

_HOST_CONTAINER = "azure-webjobs-hosts"
_ABANDON_SECONDS = 1


class Trigger(Protocol):
    """The trigger of one function, with its listener."""

    async def start(self) -> None:
        """Start to listen."""

    async def stop(self) -> None:
        """Stop listening, and return when what is in flight is processed."""

    async def manual_data(self, text: str) -> TriggerData:
        """Return the trigger data for the text of a call over `/admin/functions`."""


@dataclass(frozen=True, kw_only=True)
class ListenerOptions:
    """The options of the host that concern its listeners."""

    blob_scan_interval: float | None
    """Seconds between two scans for new blobs. None means as often as the real host."""
    lease_times: LeaseTimes
    """The leases of timers and of the scan for new blobs."""
    receive_visibility: timedelta
    """How long a received message stays hidden if it is not renewed."""


class HostListeners:
    """The triggers of an app, except for HTTP, and the storage of the host that they share."""

    def __init__(
        self,
        *,
        settings: HostSettings,
        options: ListenerOptions,
        connections: StorageConnections,
        invoker: Invoker,
        notifier: QueueNotifier,
        errors: UnhandledErrors,
    ) -> None:
        self._settings = settings
        self._options = options
        self._connections = connections
        self._invoker = invoker
        self._notifier = notifier
        self._errors = errors
        self._triggers: list[Trigger] = []
        self._host_container: ContainerClient | None = None
        self._blob_queue: BlobTriggerQueue | None = None
        self._blob_listener: BlobQueueListener | None = None
        self._blob_scan: BlobScan | None = None
        self.webhook: BlobEventGridWebhook | None = None
        """The webhook for Event Grid. It is None until the app has a blob function."""

    def add(self, function: Function, *, listen: bool = True) -> Trigger:
        """Create the trigger of a function. If `listen` is false, it can only be called by hand.

        Raises ConfigurationError if its binding is invalid.
        """
        match function.trigger.binding["type"]:
            case "queueTrigger":
                trigger: Trigger = self._queue_trigger(function)
            case "timerTrigger":
                trigger = self._timer_trigger(function)
            case "blobTrigger":
                trigger = self._blob_trigger(function)
            case other:
                raise ConfigurationError(f"triggers of type '{other}' are not supported")
        if listen:
            self._triggers.append(trigger)
            if self._blob_listener is not None and isinstance(trigger, BlobTrigger):
                self._blob_listener.add(trigger)
        return trigger

    async def start(self) -> None:
        """Start all listeners. Create the host's container first if it is needed."""
        if self._host_container is not None:
            await create_container(self._host_container)
        if self._blob_listener is not None:
            await self._blob_listener.start()
        if self._blob_scan is not None:
            await self._blob_scan.start()
        for trigger in self._triggers:
            await trigger.start()

    async def stop(self) -> None:
        """Stop listening, and return when what is in flight is processed."""
        stops = [trigger.stop() for trigger in self._triggers]
        if self._blob_listener is not None:
            stops.append(self._blob_listener.stop())
        if self._blob_scan is not None:
            stops.append(self._blob_scan.stop())
        await asyncio.gather(*stops)

    async def abandon(self) -> None:
        """Stop at once. Messages in work stay hidden. Timers and the blob scan release their leases."""
        rest: list[Trigger | BlobScan] = [] if self._blob_scan is None else [self._blob_scan]
        for trigger in self._triggers:
            if isinstance(trigger, QueueTrigger):
                trigger.abandon()
            else:
                rest.append(trigger)
        if self._blob_listener is not None:
            self._blob_listener.abandon()
        stops = [asyncio.create_task(part.stop()) for part in rest]
        if stops:
            _, late = await asyncio.wait(stops, timeout=_ABANDON_SECONDS)
            for stop in late:
                stop.cancel()
            await asyncio.wait(stops, timeout=_ABANDON_SECONDS)

    def _queue_trigger(self, function: Function) -> QueueTrigger:
        return QueueTrigger(
            function,
            invoker=self._invoker,
            connections=self._connections,
            settings=self._settings.queues,
            notifier=self._notifier,
            errors=self._errors,
            receive_visibility=self._options.receive_visibility,
        )

    def _timer_trigger(self, function: Function) -> TimerTrigger:
        return TimerTrigger(
            function,
            parse_schedule(function.trigger.binding["schedule"]),
            invoker=self._invoker,
            host_container=self._get_host_container(),
            host_id=self._settings.host_id,
            lease_times=self._options.lease_times,
            errors=self._errors,
        )

    def _blob_trigger(self, function: Function) -> BlobTrigger:
        if self._blob_queue is None or self._blob_listener is None or self._blob_scan is None:
            self._blob_queue, self._blob_listener = self._create_blob_queue()
            self._blob_scan = self._create_blob_scan()
            self.webhook = BlobEventGridWebhook(self._blob_queue)
        services = BlobTriggerServices(
            invoker=self._invoker,
            connections=self._connections,
            queue=self._blob_queue,
            host_container=self._get_host_container(),
            host_id=self._settings.host_id,
            scan=self._blob_scan,
        )
        return BlobTrigger(function, services)

    def _create_blob_queue(self) -> tuple[BlobTriggerQueue, BlobQueueListener]:
        """Return the queue that all blob functions share, and its listener."""
        queues = self._connections.queues(HOST_STORAGE)
        name = blob_trigger_queue_name(self._settings.host_id)
        listener = BlobQueueListener(
            queues=queues,
            queue_name=name,
            settings=self._settings.blobs,
            max_polling_interval=self._settings.queues.max_polling_interval,
            notifier=self._notifier,
            errors=self._errors,
            receive_visibility=self._options.receive_visibility,
        )
        return BlobTriggerQueue(queues.get_queue_client(name), self._notifier), listener

    def _create_blob_scan(self) -> BlobScan:
        container = self._get_host_container()
        lock = f"locks/{self._settings.host_id}/WebJobs.Internal.Blobs.Listener"
        return BlobScan(
            blobs=self._connections.blobs(HOST_STORAGE),
            host_container=container,
            host_id=self._settings.host_id,
            lease=SingletonLease(container, lock, times=self._options.lease_times, errors=self._errors),
            interval=self._options.blob_scan_interval,
            errors=self._errors,
        )

    def _get_host_container(self) -> ContainerClient:
        if self._host_container is None:
            blobs = self._connections.blobs(HOST_STORAGE)
            self._host_container = blobs.get_container_client(_HOST_CONTAINER)
        return self._host_container
