"""The clock of a simulation: it runs at a chosen speed, or jumps from event to event."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush

from fakebatch.wire import service_clock, timestamps
from fakebatch.wire.service_clock import Timer

# The event loop needs this many steps between the end of a run and the start of the next one on its node.
_STEPS_OF_A_TURN = 4


@dataclass(slots=True)
class _Event:
    """A scheduled call. `action` is None once it was made or cancelled."""

    clock: "VirtualClock"
    action: Callable[[], object] | None
    is_awaited: bool

    def cancel(self) -> None:
        self.clock.discard(self)


class VirtualClock:
    """The time of a simulation. It starts at the real time.

    With a `speed` of n, a second takes 1/n s. Without a speed, the clock jumps to the next event as soon as
    there is nothing else to do, as long as any event is awaited; otherwise it runs like a real clock.
    """

    def __init__(self, speed: float | None) -> None:
        self._speed = speed
        self._started_at = service_clock.real_now()
        self._ahead = 0
        self._events: list[tuple[int, int, _Event]] = []
        self._events_ever = 0
        self._awaited = 0
        self._is_turning = False
        self._steps_left = 0
        self._real_timer: asyncio.TimerHandle | None = None

    def now(self) -> int:
        """Return the time in ticks."""
        real = service_clock.real_now()
        if self._speed is None:
            return real + self._ahead
        return self._started_at + int((real - self._started_at) * self._speed)

    def call_later(self, seconds: float, action: Callable[[], object], *, awaited: bool) -> Timer:
        """Call a function in some seconds of this clock; the clock may jump for it if it is `awaited`."""
        if self._speed is not None:
            return asyncio.get_running_loop().call_later(seconds / self._speed, action)
        event = _Event(self, action, awaited)
        self._events_ever += 1
        heappush(self._events, (self.now() + int(seconds * timestamps.PER_SECOND), self._events_ever, event))
        self._awaited += awaited
        self._schedule_next()
        return event

    def discard(self, event: _Event) -> None:
        """Mark an event as done or cancelled."""
        if event.action is not None:
            event.action = None
            self._awaited -= event.is_awaited

    def jump_if_awaited(self) -> None:
        """Jump to the next event if any is awaited. Call it when everything the last event caused is done."""
        if self._awaited and self._speed is None:
            self._jump()

    def stop(self) -> None:
        """Cancel all events."""
        self._events.clear()
        self._awaited = 0
        self._stop_real_timer()

    def _schedule_next(self) -> None:
        """Schedule the next event: after a few steps of the loop if any is awaited, else when it is due."""
        if self._awaited:
            self._stop_real_timer()
            if not self._is_turning:
                self._is_turning = True
                self._steps_left = _STEPS_OF_A_TURN
                asyncio.get_running_loop().call_soon(self._turn)
        elif self._drop_cancelled():
            self._stop_real_timer()
            wait = max(self._events[0][0] - self.now(), 0) / timestamps.PER_SECOND
            self._real_timer = asyncio.get_running_loop().call_later(wait, self._jump)

    def _stop_real_timer(self) -> None:
        if self._real_timer is not None:
            self._real_timer.cancel()
            self._real_timer = None

    def _turn(self) -> None:
        """Give the loop some steps to finish what the last event caused, then jump to the next."""
        if self._steps_left:
            self._steps_left -= 1
            asyncio.get_running_loop().call_soon(self._turn)
            return
        self._is_turning = False
        self._jump()

    def _jump(self) -> None:
        """Advance to the time of the next event, and make all calls that are due then."""
        if not self._drop_cancelled():
            return
        now, due = self.now(), self._events[0][0]
        if due > now:
            self._ahead += due - now
            now = due
        while self._events and self._events[0][0] <= now:
            _, _, event = heappop(self._events)
            action = event.action
            self.discard(event)
            if action is not None:
                action()
        self._steps_left = _STEPS_OF_A_TURN
        self._schedule_next()

    def _drop_cancelled(self) -> bool:
        """Drop the cancelled events at the front, and return whether any event is left."""
        while self._events and self._events[0][2].action is None:
            heappop(self._events)
        return bool(self._events)
