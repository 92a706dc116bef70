"""Workers that deliver callbacks inside this process, so that a receiver that hangs holds up nobody else.

Each receiver has a line of its own. The next callback is for the receiver with the fewest calls under way,
and of equals for the one whose last call ended longest ago. So however many wait for others, one for a
receiver that nobody calls comes first. A worker is an asyncio task, and is there while it delivers.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import Self

from batchmgr.plan.ids import job_key

MOST_AT_ONCE = 100
MOST_PER_RECEIVER = 8
"""How many callbacks are sent at once, and how many of them to one receiver. Each has a connection."""

MOST_WAITING = 2000
MOST_WAITING_PER_RECEIVER = 200
"""How many callbacks wait in memory. The poller finds all others in their records."""


@dataclass(frozen=True)
class _Waiting:
    """A callback whose turn has not come. It is delivered in the context, such as the trace, of its start."""

    key: str
    deliver: Callable[[], Awaitable[None]]
    context: Context


@dataclass
class _Line:
    """The callbacks of one receiver: how many are being sent, and those that wait."""

    sending: int = 0
    waiting: deque[_Waiting] = field(default_factory=deque)


class CallbackWorkers:
    """The Deliveries port. When it is closed, what is under way is cancelled: its claims lapse."""

    def __init__(self, *, most: int = MOST_AT_ONCE, most_per_receiver: int = MOST_PER_RECEIVER) -> None:
        self._most = most
        self._most_per_receiver = most_per_receiver
        self._lines: dict[str, _Line] = {}
        """By receiver; the one whose call has ended last comes last."""

        self._jobs: set[str] = set()
        self._sending: set[str] = set()
        """The keys of callbacks that are waiting or being sent, and of those that are being sent."""

        self._again: dict[str, Callable[[], None]] = {}
        """What starts a call that is made once more, by the key of the one under way."""

        self._workers: set[asyncio.Task[None]] = set()
        self._is_closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._is_closed = True
        self._lines.clear()
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    def start(
        self, job_id: str, receiver: str, deliver: Callable[[], Awaitable[None]], *, again: bool = False
    ) -> None:
        """Have a callback delivered as soon as a worker is free for its receiver."""
        key, line = job_key(job_id), self._lines.get(receiver, _Line())
        if key in self._jobs:
            if again and key in self._sending:
                self._again.setdefault(key, partial(self.start, job_id, receiver, deliver))
            return
        is_full = len(line.waiting) >= MOST_WAITING_PER_RECEIVER
        is_full |= len(self._jobs) - len(self._workers) >= MOST_WAITING
        if self._is_closed or is_full:
            return
        self._jobs.add(key)
        self._lines[receiver] = line
        line.waiting.append(_Waiting(key, deliver, copy_context()))
        self._fill()

    def _fill(self) -> None:
        while len(self._workers) < self._most and (receiver := self._next_receiver()) is not None:
            line = self._lines[receiver]
            taken = line.waiting.popleft()
            line.sending += 1
            self._sending.add(taken.key)
            worker = asyncio.create_task(_call(taken.deliver), context=taken.context)
            self._workers.add(worker)
            worker.add_done_callback(partial(self._ended, receiver, line, taken.key))

    def _next_receiver(self) -> str | None:
        most, lines = self._most_per_receiver, self._lines
        free = (name for name, line in lines.items() if line.waiting and line.sending < most)
        return min(free, key=lambda name: lines[name].sending, default=None)

    def _ended(self, receiver: str, line: _Line, key: str, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        self._jobs.discard(key)
        self._sending.discard(key)
        line.sending -= 1
        if self._lines.pop(receiver, None) and (line.sending or line.waiting):
            self._lines[receiver] = line
        begin_again = self._again.pop(key, None)
        if not worker.cancelled():  # else the process is about to end
            if begin_again is not None:
                begin_again()
            self._fill()


async def _call(deliver: Callable[[], Awaitable[None]]) -> None:
    await deliver()
