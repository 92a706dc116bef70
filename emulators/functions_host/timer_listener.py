"""Timer functions: one invocation at a time, on a schedule, on one host of several."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from azure.core.exceptions import AzureError
from azure.storage.blob.aio import ContainerClient

from functions_host.binding_converters import json_datum
from functions_host.function_indexing import Function
from functions_host.invocation import Invoker
from functions_host.singleton_lease import SingletonLease
from functions_host.timer_schedule import Schedule
from functions_host.timer_status import ScheduleStatus, TimerMonitor, status_at_start
from functions_host.trigger_data import TriggerInput

_log = logging.getLogger(__name__)


class TimerTrigger:
    """Fires one timer-triggered function. Times are UTC, as they are in Azure."""

    def __init__(
        self,
        function: Function,
        schedule: Schedule,
        *,
        invoker: Invoker,
        state: ContainerClient,
        host_id: str,
    ) -> None:
        self._function = function
        self._invoker = invoker
        self._schedule = schedule
        self._lease = SingletonLease(state.get_blob_client(f"locks/{host_id}/{function.id}.Listener"))
        monitored = function.trigger.binding.get("useMonitor", True) and not schedule.is_sub_minute
        status = state.get_blob_client(f"timers/{host_id}/{function.id}/status")
        self._monitor = TimerMonitor(status) if monitored else None
        self._status = ScheduleStatus(next=schedule.next_after(datetime.now(UTC)))
        self._stopping = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to listen."""
        await self._lease.start()
        self._runner = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop firing, and return when a running invocation is done."""
        self._stopping.set()
        if self._runner is not None:
            await self._runner
        await self._lease.stop()

    async def manual_input(self, text: str) -> TriggerInput:
        """Make the input of an invocation asked for over `/admin/functions`; `text` has no meaning."""
        return self._input(is_past_due=False)

    async def _run(self) -> None:
        while not self._stopping.is_set():
            if not self._lease.held.is_set():
                await self._wait(timedelta(seconds=1))
                continue
            try:
                await self._start_up()
                while self._lease.held.is_set() and not self._stopping.is_set():
                    await self._wait(self._status.next - datetime.now(UTC))
                    if self._is_due():
                        await self._fire()
            except AzureError as error:
                _log.error("Timer '%s' cannot reach its storage: %s", self._function.name, error)
                await self._wait(timedelta(seconds=1))

    def _is_due(self) -> bool:
        due = datetime.now(UTC) >= self._status.next
        return due and self._lease.held.is_set() and not self._stopping.is_set()

    async def _start_up(self) -> None:
        now = datetime.now(UTC)
        stored = await self._monitor.load() if self._monitor else None
        self._status = status_at_start(stored, self._schedule, now)
        if self._monitor and self._status != stored:
            await self._monitor.save(self._status)
        if self._status.next < now:
            await self._fire(is_past_due=True)
        elif self._function.trigger.binding.get("runOnStartup"):
            await self._fire()

    async def _fire(self, *, is_past_due: bool = False) -> None:
        fired = datetime.now(UTC)
        reason = f"Timer fired at {fired.isoformat()}"
        await self._invoker.invoke(self._function, self._input(is_past_due=is_past_due), reason)
        # What came due meanwhile is one run, not many: the next is counted from the start of this one.
        self._status = ScheduleStatus(last=fired, next=self._schedule.next_after(fired), last_updated=fired)
        if self._monitor:
            await self._monitor.save(self._status)

    def _input(self, *, is_past_due: bool) -> TriggerInput:
        info = {
            "Schedule": {"AdjustForDST": True},
            "ScheduleStatus": self._status.to_json() if self._monitor else None,
            "IsPastDue": is_past_due,
        }
        return TriggerInput(data=json_datum(info))

    async def _wait(self, duration: timedelta) -> None:
        """Pause until `duration` has passed or the timer is stopped."""
        try:
            async with asyncio.timeout(max(0.0, duration.total_seconds())):
                await self._stopping.wait()
        except TimeoutError:
            return
