"""The retention time of the files of completed tasks."""

from collections.abc import Callable
from heapq import heappop, heappush

from fakebatch.wire import service_clock, timestamps


class FileRetention:
    """Calls `expire(job_id, task_id, ended_at)` when the retention time of a task's files is over."""

    def __init__(self, expire: Callable[[str, str, int], None]) -> None:
        self._expire = expire
        self._due: list[tuple[int, str, str, int]] = []
        self._timer: service_clock.Timer | None = None
        self._timer_at = 0

    def keep(self, job_id: str, task_id: str, ended_at: int, seconds: float) -> None:
        """Keep the files of a task for some seconds after `ended_at`, which is in ticks."""
        due = ended_at + int(seconds * timestamps.PER_SECOND)
        heappush(self._due, (due, job_id, task_id, ended_at))
        # One timer serves all tasks. It is set for the first that is due.
        if self._timer is None or self._due[0][0] < self._timer_at:
            self._set_timer()

    def stop(self) -> None:
        """Stop the timer: nothing expires any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _set_timer(self) -> None:
        self.stop()
        self._timer_at = self._due[0][0]
        left = max(self._timer_at - service_clock.now(), 0)
        self._timer = service_clock.call_later(left / timestamps.PER_SECOND, self._expire_due)

    def _expire_due(self) -> None:
        self._timer = None
        now = service_clock.now()
        while self._due and self._due[0][0] <= now:
            _, job_id, task_id, ended_at = heappop(self._due)
            self._expire(job_id, task_id, ended_at)
        if self._due:
            self._set_timer()
