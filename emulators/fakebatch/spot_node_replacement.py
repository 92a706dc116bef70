"""What brings preempted nodes back: a pool of spot nodes seeks its target by itself."""

from typing import Final, NamedTuple

from fakebatch.engine import Engine
from fakebatch.store import PoolRecord
from fakebatch.task_scheduler import jobs_in_turn
from fakebatch.wire import service_clock, timestamps

_DELAY: Final = 60 * timestamps.PER_SECOND
"""Ticks from when a node is lost, or could not be replaced, to the next attempt. How often the service tries
is not documented."""


class _Attempt(NamedTuple):
    """When a pool is due, in ticks, and whether anybody waits for that."""

    at: int
    is_awaited: bool
    timer: service_clock.Timer


class Replacements:
    """Gives pools new machines for their preempted nodes, as far as they can have any."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._attempts: dict[str, _Attempt] = {}
        engine.follow(self.look)

    def stop(self) -> None:
        """Replace no more nodes."""
        for attempt in self._attempts.values():
            attempt.timer.cancel()

    def look(self) -> None:
        """See to it that each pool with preempted nodes has its next attempt."""
        for record in self._engine.store.pools:
            if record.pool.target(dedicated=False) and _has_lost_nodes(record):
                self._attempt_later(record)

    def _attempt_later(self, record: PoolRecord) -> None:
        key, now = record.pool.id.lower(), service_clock.now()
        is_awaited = self._is_awaited(record)
        before = self._attempts.get(key)
        if before is not None:
            if before.is_awaited == is_awaited:
                return
            before.timer.cancel()
        at = now + _DELAY if before is None else before.at
        left = max(at - now, 0) / timestamps.PER_SECOND
        timer = service_clock.call_later(left, lambda: self._replace(key), awaited=is_awaited)
        self._attempts[key] = _Attempt(at, is_awaited, timer)

    def _replace(self, key: str) -> None:
        del self._attempts[key]
        record = self._engine.store.pools.get(key)
        if record is not None:
            self._engine.fleet.restore(record, self._room(record))

    def _is_awaited(self, record: PoolRecord) -> bool:
        """Whether there are tasks that a new node would run."""
        jobs = jobs_in_turn(self._engine.store, record)
        return self._room(record) > 0 and any(job.has_ready_tasks for job in jobs)

    def _room(self, record: PoolRecord) -> int:
        limit = self._engine.fleet.limit(record, False)
        return len(record.nodes) if limit is None else max(limit.room, 0)


def _has_lost_nodes(record: PoolRecord) -> bool:
    return any(node.phase == "preempted" for node in record.nodes)
