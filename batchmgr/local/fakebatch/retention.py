"""How long the files of completed tasks are kept."""

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush


class Retention:
    """Calls `expire(job_id, task_id, ended_at)` when the files of a task have been kept for long enough."""

    def __init__(self, expire: Callable[[str, str, int], None]) -> None:
        self._expire = expire
        self._due: list[tuple[float, str, str, int]] = []
        self._timer: asyncio.TimerHandle | None = None

    def keep(self, job_id: str, task_id: str, ended_at: int, seconds: float) -> None:
        """Keep the files of a task, which ended at that time in ticks, for so many seconds from now."""
        loop = asyncio.get_running_loop()
        heappush(self._due, (loop.time() + seconds, job_id, task_id, ended_at))
        # One timer is enough for all: it is set for the first that is due.
        if self._due[0][0] < (self._timer.when() if self._timer else float("inf")):
            self._set_timer()

    def stop(self) -> None:
        """Expire no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _set_timer(self) -> None:
        self.stop()
        self._timer = asyncio.get_running_loop().call_at(self._due[0][0], self._expire_due)

    def _expire_due(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        while self._due and self._due[0][0] <= now:
            _, job_id, task_id, ended_at = heappop(self._due)
            self._expire(job_id, task_id, ended_at)
        if self._due:
            self._set_timer()
