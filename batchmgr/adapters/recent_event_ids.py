"""The ids of the events that this process has added to event logs a moment ago.

The poller asks for them at every poll with changes. Without this memory it would read megabytes of the log
again each time, at thousands of tasks a second. What is not known here is read from the log.
"""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

MOST = 50_000
"""How many ids are remembered, of all jobs together: about 10 MB."""


LONGEST = 60.0
"""After so many seconds without use a log is read again. Meanwhile its job may have been deleted, and another
one may have its id: then the log is a new one."""


@dataclass
class _Stretch:
    """A stretch of a log that is known whole: from `start` to `end`, with the events' offsets and ids."""

    start: int
    end: int
    events: list[tuple[int, str]]
    used: float = field(default_factory=time.monotonic)


class RecentEventIds:
    """Stretches of logs, one for each job. Those of the jobs that are used least are forgotten first."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._stretches: dict[str, _Stretch] = {}

    def add(self, job: str, start: int, end: int, events: Sequence[tuple[int, str]]) -> None:
        """Remember what the log holds from `start` to `end`: the offset and the id of each event."""
        known = self._stretches.pop(job, None)
        if known is not None and known.end == start and _is_fresh(known):
            known.events.extend(events)
            known.end = end
            known.used = time.monotonic()
        else:
            known = _Stretch(start, end, list(events))
        self._stretches[job] = known
        while sum(len(one.events) for one in self._stretches.values()) > self._most:
            del self._stretches[next(iter(self._stretches))]

    def forget(self, job: str) -> None:
        """Forget a job whose log is deleted: the log of another job may get its name."""
        self._stretches.pop(job, None)

    def between(self, job: str, start: int, end: int) -> Collection[str] | None:
        """Return the ids from `start` to `end`, or None if that is not known. What is before is forgotten."""
        known = self._stretches.pop(job, None)
        if known is None or not _is_fresh(known):
            return None
        known.used = time.monotonic()
        self._stretches[job] = known
        if start < known.start or end > known.end:
            return None
        known.events = [(at, id_) for at, id_ in known.events if at >= start]
        known.start = start
        return {id_ for at, id_ in known.events if at < end}


def _is_fresh(stretch: _Stretch) -> bool:
    return time.monotonic() - stretch.used < LONGEST
