"""The task counts of jobs in the past, for the fault `countsLag`."""

import time
from typing import Any
from weakref import WeakKeyDictionary

from fakebatch.engine import Engine
from fakebatch.stored_job import StoredJob

_NAMES = ("active", "running", "completed", "succeeded", "failed")
_NONE = {name: dict.fromkeys(_NAMES, 0) for name in ("taskCounts", "taskSlotCounts")}


class TaskCountHistory:
    """The task counts of each job since recording started. Before that, all counts are zero."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._is_recording = False
        self._counts: WeakKeyDictionary[StoredJob, list[tuple[float, dict[str, Any]]]] = WeakKeyDictionary()

    def start_recording(self) -> None:
        """Record the counts now, and after each pass of the engine."""
        if not self._is_recording:
            self._is_recording = True
            self._engine.add_pass_listener(self._record)
            self._record()

    def before(self, job_id: str, seconds: float) -> dict[str, Any]:
        """Return the counts of a job some seconds ago; all zero if none were recorded by then."""
        self._record()
        limit = time.monotonic() - seconds
        found = self._counts.get(self._engine.store.job(job_id), [])
        return next((counts for at, counts in reversed(found) if at <= limit), _NONE)

    def _record(self) -> None:
        now = time.monotonic()
        for record in self._engine.store.jobs:
            recorded = self._counts.setdefault(record, [])
            counts = record.counts()
            if not recorded or recorded[-1][1] != counts:
                recorded.append((now, counts))
