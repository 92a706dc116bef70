"""Waits for the occurrences of a timer's schedule and runs its function, on one host of several."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from functions_host.local_time import local_now
from functions_host.singleton_lease import SingletonLease
from functions_host.timer_schedule import END_OF_TIME, TimerSchedule
from functions_host.timer_status import ScheduleMonitor, ScheduleStatus, status_at_start
from functions_host.unhandled_errors import UnhandledErrors

TimerHandler = Callable[[datetime, bool], Awaitable[None]]
"""Run the function. Takes the moment of the run, and whether it is past due. Must not raise."""

_PAUSE_AFTER_FAILURE = timedelta(minutes=1)

_log = logging.getLogger(__name__)


class TimerListener:
    """Runs a handler at each occurrence of a schedule, while this host holds the timer's singleton lease.

    Runs do not overlap. The occurrences that come due during a run lead to one run after it. All times are in
    the time zone of this machine.
    """

    def __init__(
        self,
        *,
        name: str,
        schedule: TimerSchedule,
        run_on_startup: bool,
        handler: TimerHandler,
        lease: SingletonLease,
        monitor: ScheduleMonitor | None,
        errors: UnhandledErrors,
    ) -> None:
        self._name = name
        self._schedule = schedule
        self._run_on_startup = run_on_startup
        self._handler = handler
        self._lease = lease
        self._monitor = monitor
        self._errors = errors
        self._status = ScheduleStatus(next=None)
        self._stopping = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None

    @property
    def status(self) -> ScheduleStatus | None:
        """The current status, or None for a timer without a monitor."""
        return self._status if self._monitor else None

    async def start(self) -> None:
        """Start to listen."""
        await self._lease.start()
        self._runner = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Start no more runs, and return when the current one is done."""
        self._stopping.set()
        try:
            if self._runner is not None:
                await self._runner
        finally:
            await self._lease.stop()

    async def _run(self) -> None:
        while not self._stopping.is_set():
            if not await self._lease.wait_until_held(unless=self._stopping):
                continue
            try:
                await self._start_up()
                while self._lease.held.is_set() and not self._stopping.is_set():
                    await self._wait((self._status.next or END_OF_TIME) - local_now())
                    if self._is_due():
                        await self._fire()
            except Exception as error:
                self._errors.report(f"function '{self._name}'", error)
                await self._wait(_PAUSE_AFTER_FAILURE)

    def _is_due(self) -> bool:
        due = local_now() >= (self._status.next or END_OF_TIME)
        return due and self._lease.held.is_set() and not self._stopping.is_set()

    async def _start_up(self) -> None:
        now = local_now()
        stored = await self._monitor.load() if self._monitor else None
        status = status_at_start(stored, self._schedule, now)
        if self._monitor and status != stored:
            await self._monitor.save(status)
        # The function of a new timer sees a status that was never updated, unlike the stored one.
        self._status = ScheduleStatus(next=status.next) if stored is None else status
        _log.info("Timer '%s' is due next at %s", self._name, (status.next or END_OF_TIME).isoformat())
        if (status.next or END_OF_TIME) < now:
            await self._fire(is_past_due=True)
        elif self._run_on_startup:
            await self._fire()

    async def _fire(self, *, is_past_due: bool = False) -> None:
        fired = local_now()
        await self._handler(fired, is_past_due)
        # The next occurrence is counted from the start of this run, so what came due meanwhile is one run.
        self._status = ScheduleStatus(last=fired, next=self._schedule.next_after(fired), last_updated=fired)
        if self._monitor:
            await self._monitor.save(self._status)

    async def _wait(self, duration: timedelta) -> None:
        """Return after `duration`, or as soon as the listener is stopped."""
        try:
            async with asyncio.timeout(max(0.0, duration.total_seconds())):
                await self._stopping.wait()
        except TimeoutError:
            return
