"""Timer triggers: one invocation for each occurrence of a schedule."""

from datetime import datetime

from azure.storage.blob.aio import ContainerClient

from functions_host.function_metadata import Function
from functions_host.invocation import Invoker
from functions_host.singleton_lease import LeaseTimes, SingletonLease
from functions_host.timer_listener import TimerListener
from functions_host.timer_schedule import TimerSchedule
from functions_host.timer_status import ScheduleMonitor
from functions_host.trigger_data import TriggerData
from functions_host.typed_data import json_data
from functions_host.unhandled_errors import UnhandledErrors


class TimerTrigger:
    """The timer trigger of one function."""

    def __init__(
        self,
        function: Function,
        schedule: TimerSchedule,
        *,
        invoker: Invoker,
        host_container: ContainerClient,
        host_id: str,
        lease_times: LeaseTimes,
        errors: UnhandledErrors,
    ) -> None:
        self._function = function
        self._invoker = invoker
        monitored = function.trigger.binding.get("useMonitor", True) and not schedule.is_sub_minute
        status = host_container.get_blob_client(f"timers/{host_id}/{function.id}/status")
        lock = f"locks/{host_id}/{function.id}.Listener"
        self._listener = TimerListener(
            name=function.name,
            schedule=schedule,
            run_on_startup=bool(function.trigger.binding.get("runOnStartup")),
            handler=self._handle,
            lease=SingletonLease(host_container, lock, times=lease_times, errors=errors),
            monitor=ScheduleMonitor(status) if monitored else None,
            errors=errors,
        )

    async def start(self) -> None:
        """Start to listen."""
        await self._listener.start()

    async def stop(self) -> None:
        """Start no more runs, and return when the current one is done."""
        await self._listener.stop()

    async def manual_data(self, text: str) -> TriggerData:
        """Return the data for a call over `/admin/functions`. `text` is ignored."""
        return self._data(is_past_due=False)

    async def _handle(self, fired: datetime, is_past_due: bool) -> None:
        reason = f"Timer fired at {fired.isoformat()}"
        await self._invoker.invoke(self._function, self._data(is_past_due=is_past_due), reason)

    def _data(self, *, is_past_due: bool) -> TriggerData:
        status = self._listener.status
        info = {
            "Schedule": {"AdjustForDST": True},
            "ScheduleStatus": status.to_json() if status else None,
            "IsPastDue": is_past_due,
        }
        return TriggerData(value=json_data(info))
