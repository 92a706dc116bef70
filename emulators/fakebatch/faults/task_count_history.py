"""What the task counts of jobs were a while ago."""

import time
from typing import Any
from weakref import WeakKeyDictionary

from fakebatch.engine import Engine
from fakebatch.store import JobRecord

_NAMES = ("active", "running", "completed", "succeeded", "failed")
_NONE = {name: dict.fromkeys(_NAMES, 0) for name in ("taskCounts", "taskSlotCounts")}


class CountsHistory:
    """The counts of each job since it began to look; before that they were zero."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._is_looking = False
        self._counts: WeakKeyDictionary[JobRecord, list[tuple[float, dict[str, Any]]]] = WeakKeyDictionary()

    def look(self) -> None:
        """Begin to note the counts after each step of the engine."""
        if not self._is_looking:
            self._is_looking = True
            self._engine.follow(self._note)
            self._note()

    def before(self, job_id: str, seconds: float) -> dict[str, Any]:
        """Return the counts of a job as they were some seconds ago; all zero where it had none."""
        self._note()
        limit = time.monotonic() - seconds
        found = self._counts.get(self._engine.store.job(job_id), [])
        return next((counts for at, counts in reversed(found) if at <= limit), _NONE)

    def _note(self) -> None:
        now = time.monotonic()
        for record in self._engine.store.jobs:
            noted = self._counts.setdefault(record, [])
            counts = record.counts()
            if not noted or noted[-1][1] != counts:
                noted.append((now, counts))
