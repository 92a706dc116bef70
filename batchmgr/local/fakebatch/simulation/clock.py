"""A clock that runs at a chosen speed, or jumps from event to event."""

import asyncio
from heapq import heappop, heappush

from batchmgr.local.fakebatch.wire import ticks

# Between the end of a run and the start of the next one on its node, the event loop makes this many steps.
_STEPS_OF_A_TURN = 4


class VirtualClock:
    """The time of a simulation, which begins at the real time.

    With a `speed` of n a second lasts 1/n s. Without one the clock jumps to the next event as soon as nothing
    else is left to do; between events it runs like a real one.
    """

    def __init__(self, speed: float | None) -> None:
        self._speed = speed
        self._started_at = ticks.real_now()
        self._ahead = 0
        self._events: list[tuple[int, int, asyncio.Future[None]]] = []
        self._events_ever = 0
        self._is_turning = False

    def now(self) -> int:
        """Return the time in ticks."""
        real = ticks.real_now()
        if self._speed is None:
            return real + self._ahead
        return self._started_at + int((real - self._started_at) * self._speed)

    async def sleep(self, seconds: float) -> None:
        """Return when the time has come."""
        if self._speed is not None:
            await asyncio.sleep(seconds / self._speed)
            return
        event = asyncio.get_running_loop().create_future()
        self._events_ever += 1
        heappush(self._events, (self.now() + int(seconds * ticks.PER_SECOND), self._events_ever, event))
        self._turn()
        await event

    def _turn(self) -> None:
        if not self._is_turning:
            self._is_turning = True
            asyncio.get_running_loop().call_soon(self._step, _STEPS_OF_A_TURN)

    def _step(self, left: int) -> None:
        """Let what the last event led to happen, then jump to the next."""
        if left:
            asyncio.get_running_loop().call_soon(self._step, left - 1)
            return
        self._is_turning = False
        while self._events and self._events[0][2].done():
            heappop(self._events)
        if self._events:
            at, _, event = heappop(self._events)
            self._ahead += max(at - self.now(), 0)
            event.set_result(None)
        if self._events:
            self._turn()
