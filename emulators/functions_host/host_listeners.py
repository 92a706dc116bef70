"""Gives each function of an app the trigger it asks for."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob.aio import ContainerClient

from functions_host.binding_expressions import resolve_settings
from functions_host.blob_event_grid import BlobWebhook
from functions_host.blob_queue_listener import BlobDispatcher
from functions_host.blob_trigger import BlobHost, BlobTrigger
from functions_host.blob_trigger_queue import BlobQueue
from functions_host.errors import ConfigurationError
from functions_host.function_indexing import Function, Parameter
from functions_host.invocation import Invoker
from functions_host.queue_listener import Wakeups
from functions_host.queue_trigger import QueueTrigger
from functions_host.settings import HostSettings
from functions_host.storage_connections import HOST_STORAGE, Connections
from functions_host.timer_listener import TimerTrigger
from functions_host.timer_schedule import parse_schedule
from functions_host.trigger_data import TriggerInput

_STATE_CONTAINER = "azure-webjobs-hosts"
_RESOLVED_PROPERTIES = ("queueName", "path", "schedule")
_OUTPUTS = ("http", "queue")

_log = logging.getLogger(__name__)


class Trigger(Protocol):
    """Listens for one function."""

    async def start(self) -> None:
        """Begin to listen."""

    async def stop(self) -> None:
        """Stop listening, and return when what is in work is done."""

    async def manual_input(self, text: str) -> TriggerInput:
        """Make the input of an invocation asked for by hand."""


def with_settings(function: Function, settings: Mapping[str, str]) -> Function:
    """Resolve the `%NAME%` expressions of a function's bindings.

    Raises ConfigurationError for a setting that is missing or an output that is not supported.
    """

    def resolved(parameter: Parameter) -> Parameter:
        binding: dict[str, Any] = {
            name: resolve_settings(value, settings) if name in _RESOLVED_PROPERTIES else value
            for name, value in parameter.binding.items()
        }
        return replace(parameter, binding=binding)

    for output in function.results:
        if output.binding["type"] not in _OUTPUTS:
            raise ConfigurationError(f"output bindings of type '{output.binding['type']}' are not supported")
    return replace(
        function,
        trigger=resolved(function.trigger),
        outputs=tuple(resolved(output) for output in function.outputs),
        returns=resolved(function.returns) if function.returns else None,
    )


@dataclass(frozen=True, kw_only=True)
class TriggerOptions:
    """What the one who starts the host says about its triggers."""

    blob_scan_interval: float
    receive_visibility: timedelta


class Triggers:
    """The triggers of an app, but for HTTP, and the host state that they share."""

    def __init__(
        self,
        *,
        settings: HostSettings,
        options: TriggerOptions,
        connections: Connections,
        invoker: Invoker,
        wakeups: Wakeups,
    ) -> None:
        self._settings = settings
        self._options = options
        self._connections = connections
        self._invoker = invoker
        self._wakeups = wakeups
        self._triggers: list[Trigger] = []
        self._state: ContainerClient | None = None
        self._blob_queue: BlobQueue | None = None
        self._dispatcher: BlobDispatcher | None = None
        self.webhook: BlobWebhook | None = None
        """Where Event Grid reports blobs, once the app has a blob function."""

    def add(self, function: Function) -> Trigger:
        """Make the trigger of a function. Raises ConfigurationError when it cannot be made."""
        match function.trigger.binding["type"]:
            case "queueTrigger":
                trigger: Trigger = self._queue_trigger(function)
            case "timerTrigger":
                trigger = self._timer_trigger(function)
            case "blobTrigger":
                trigger = self._blob_trigger(function)
            case other:
                raise ConfigurationError(f"triggers of type '{other}' are not supported")
        self._triggers.append(trigger)
        return trigger

    async def start(self) -> None:
        """Start to listen for all of them."""
        if self._state is not None:
            try:
                await self._state.create_container()
            except ResourceExistsError:
                _log.debug("There is a container '%s'", _STATE_CONTAINER)
        if self._dispatcher is not None:
            await self._dispatcher.start()
        for trigger in self._triggers:
            await trigger.start()

    async def stop(self) -> None:
        """Stop listening, and return when what is in work is done."""
        stops = [trigger.stop() for trigger in self._triggers]
        if self._dispatcher is not None:
            stops.append(self._dispatcher.stop())
        await asyncio.gather(*stops)

    def _queue_trigger(self, function: Function) -> QueueTrigger:
        return QueueTrigger(
            function,
            invoker=self._invoker,
            connections=self._connections,
            settings=self._settings.queues,
            wakeups=self._wakeups,
            receive_visibility=self._options.receive_visibility,
        )

    def _timer_trigger(self, function: Function) -> TimerTrigger:
        return TimerTrigger(
            function,
            parse_schedule(function.trigger.binding["schedule"]),
            invoker=self._invoker,
            state=self._host_state(),
            host_id=self._settings.host_id,
        )

    def _blob_trigger(self, function: Function) -> BlobTrigger:
        if self._blob_queue is None or self._dispatcher is None:
            self._blob_queue, self._dispatcher = self._blob_work()
            self.webhook = BlobWebhook(self._dispatcher, self._blob_queue)
        host = BlobHost(
            invoker=self._invoker,
            connections=self._connections,
            queue=self._blob_queue,
            state=self._host_state(),
            host_id=self._settings.host_id,
            scan_interval=self._options.blob_scan_interval,
        )
        trigger = BlobTrigger(function, host)
        self._dispatcher.add(trigger)
        return trigger

    def _blob_work(self) -> tuple[BlobQueue, BlobDispatcher]:
        """Make the queue that all blob functions share, and what takes from it."""
        queues = self._connections.queues(HOST_STORAGE)
        name = f"azure-webjobs-blobtrigger-{self._settings.host_id}"
        dispatcher = BlobDispatcher(
            queues=queues,
            queue_name=name,
            settings=self._settings.blobs,
            max_polling_interval=self._settings.queues.max_polling_interval,
            wakeups=self._wakeups,
            receive_visibility=self._options.receive_visibility,
        )
        return BlobQueue(queues.get_queue_client(name), self._wakeups), dispatcher

    def _host_state(self) -> ContainerClient:
        if self._state is None:
            self._state = self._connections.blobs(HOST_STORAGE).get_container_client(_STATE_CONTAINER)
        return self._state
