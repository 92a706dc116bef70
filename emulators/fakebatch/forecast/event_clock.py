"""The clock of a forecast: when all that an event has caused is done, it jumps to the next event."""

import asyncio
import selectors
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush

from fakebatch.wire import timestamps


@dataclass(slots=True)
class _Event:
    """A scheduled call. `action` is None once it was cancelled."""

    action: Callable[[], object] | None

    def cancel(self) -> None:
        self.action = None


class EventClock:
    """A clock that no real time moves. It starts at a time in ticks.

    `when_empty` is called when no event is left.
    """

    def __init__(self, start: int) -> None:
        self._now = start
        self._events: list[tuple[int, int, _Event]] = []
        self._events_ever = 0
        self.when_empty: Callable[[], object] = lambda: None

    def now(self) -> int:
        """Return the time in ticks."""
        return self._now

    def call_later(self, seconds: float, action: Callable[[], object], *, awaited: bool) -> _Event:
        """Call a function in some seconds. All events are awaited here."""
        event = _Event(action)
        self._events_ever += 1
        heappush(self._events, (self._now + round(seconds * timestamps.PER_SECOND), self._events_ever, event))
        return event

    def advance(self) -> None:
        """Jump to the time of the next event, and make all calls of that time."""
        events = self._events
        while events and events[0][2].action is None:
            heappop(events)
        if not events:
            self.when_empty()
            return
        self._now = max(events[0][0], self._now)
        while events and events[0][0] <= self._now:
            action = heappop(events)[2].action
            if action is not None:
                action()


class EventLoop(asyncio.SelectorEventLoop):
    """An event loop that advances its clock when it would wait. It is for code without I/O and threads."""

    def __init__(self, clock: EventClock) -> None:
        super().__init__(_ClockSelector(clock))


class _ClockSelector(selectors.SelectSelector):
    def __init__(self, clock: EventClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout != 0:
            self._clock.advance()
        return []
