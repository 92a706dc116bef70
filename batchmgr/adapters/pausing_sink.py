"""What all places have in common that events are sent to: jobs go on without them."""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence

from batchmgr.adapters.service_errors import service_errors
from batchmgr.errors import ServiceBusyError, ServiceError
from batchmgr.model.cloud_event import Event

SEND_TIMEOUT = 5
PAUSE_AFTER_FAILURE = 20.0
"""Seconds that a place may take, and is left alone after it has failed."""

FAILURE_SHOWN = 60.0
"""For how many more seconds the health check shows a failure, unless events are taken again."""

logger = logging.getLogger(__name__)


class PausingSink(ABC):
    """The EventSink port on one place. After a failure it is left alone for some seconds.

    So jobs don't wait for it one by one. `name` is that of the place, and `service` that of its service.
    """

    def __init__(self, name: str, service: str) -> None:
        self._name = name
        self._service = service
        self._failure: ServiceError | None = None
        self._retry_time = 0.0

    @abstractmethod
    async def send_all(self, events: Sequence[Event]) -> None:
        """Send events, in as few calls as possible. Raise ServiceError if one of them is not taken."""

    @abstractmethod
    async def look(self) -> None:
        """Make a call that fails if events can't be sent, and sends none."""

    async def send(self, events: Sequence[Event]) -> None:
        """Send events, each at least once. Raise ServiceError if not all could be sent in five seconds."""
        if self._failure is not None and time.monotonic() < self._retry_time:
            raise self._failure
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                await self.send_all(events)
        except TimeoutError:
            slow = ServiceBusyError(f"{self._service} has not taken the events in {SEND_TIMEOUT} s")
            self._note(slow)
            raise slow from None
        except ServiceError as error:
            self._note(error)
            raise
        if events:
            self._note(None)

    async def check(self) -> None:
        """Raise ServiceError if events were refused a moment ago, or the place can't be reached."""
        if self._failure is not None and time.monotonic() < self._retry_time + FAILURE_SHOWN:
            raise self._failure
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                with service_errors(self._service):
                    await self.look()
        except TimeoutError:
            raise ServiceBusyError(f"{self._service} has not answered in {SEND_TIMEOUT} s") from None

    def _note(self, failure: ServiceError | None) -> None:
        """Remember whether events are taken, and log when that changes."""
        if failure is not None and self._failure is None:
            logger.error("%s takes no events, jobs go on without it: %s", self._name, failure)
        elif failure is None and self._failure is not None:
            logger.warning("%s takes events again", self._name)
        self._failure, self._retry_time = failure, time.monotonic() + PAUSE_AFTER_FAILURE
