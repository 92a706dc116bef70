"""The ids of the events that this process has added to event logs a moment ago.

The poller asks for them at every poll with changes. Without this memory it would read megabytes of the log
again each time, at thousands of tasks a second. What is not known here is read from the log.
"""

import time
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

MOST = 50_000
"""How many ids are remembered, of all jobs together: about 10 MB."""


LONGEST = 60.0
"""After so many seconds without use a log is read again. Meanwhile its job may have been deleted, and another
one may have its id: then the log is a new one."""


@dataclass(frozen=True)
class _Block:
    """What lies between two offsets of a log: the ids of its events."""

    start: int
    end: int
    ids: Sequence[str]


@dataclass
class _Stretch:
    """A stretch of a log that is known whole: blocks that follow each other, at least one."""

    blocks: deque[_Block]
    used: float = field(default_factory=time.monotonic)

    @property
    def size(self) -> int:
        """Return how many ids these are."""
        return sum(len(block.ids) for block in self.blocks)


class RecentEventIds:
    """Stretches of logs, one for each job. Those of the jobs that are used least are forgotten first."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._stretches: dict[str, _Stretch] = {}

    def add(self, job: str, start: int, end: int, ids: Sequence[str]) -> None:
        """Remember the ids of all events that the log holds from `start` to `end`."""
        known = self._stretches.pop(job, None)
        if known is None or known.blocks[-1].end != start or not _is_fresh(known):
            known = _Stretch(deque())
        known.blocks.append(_Block(start, end, ids))
        known.used = time.monotonic()
        self._stretches[job] = known
        while sum(one.size for one in self._stretches.values()) > self._most:
            del self._stretches[next(iter(self._stretches))]

    def forget(self, job: str) -> None:
        """Forget a job whose log is deleted: the log of another job may get its name."""
        self._stretches.pop(job, None)

    def between(self, job: str, start: int, end: int) -> Collection[str] | None:
        """Return the ids from `start` to `end`, or None if that is not known. What is before is forgotten.

        Blocks are known whole only: what begins or ends within one is not known.
        """
        known = self._stretches.pop(job, None)
        if known is None or not _is_fresh(known):
            return None
        known.used = time.monotonic()
        self._stretches[job] = known
        if start not in [block.start for block in known.blocks] or end not in [b.end for b in known.blocks]:
            return None
        while known.blocks[0].start < start:
            known.blocks.popleft()
        return {id_ for block in known.blocks if block.end <= end for id_ in block.ids}


def _is_fresh(stretch: _Stretch) -> bool:
    return time.monotonic() - stretch.used < LONGEST
