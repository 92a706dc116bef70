"""Replace preempted spot nodes, so that each pool gets back to its target."""

from typing import Final, NamedTuple

from fakebatch.engine import Engine
from fakebatch.stored_pool import StoredPool
from fakebatch.task_scheduler import jobs_by_priority
from fakebatch.wire import service_clock, timestamps

_DELAY: Final = 60 * timestamps.PER_SECOND
"""Ticks between the loss of a node, or a failed attempt, and the next attempt. How often the service tries is
not documented."""


class _Attempt(NamedTuple):
    """The next attempt for a pool: its time in ticks, and whether tasks wait for it."""

    at: int
    is_awaited: bool
    timer: service_clock.Timer


class SpotNodeReplacement:
    """Replaces the preempted nodes of pools, as far as the quotas allow."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._attempts: dict[str, _Attempt] = {}
        engine.add_pass_listener(self.schedule_attempts)

    def stop(self) -> None:
        """Stop the timers: no more nodes are replaced."""
        for attempt in self._attempts.values():
            attempt.timer.cancel()

    def schedule_attempts(self) -> None:
        """Schedule the next attempt for each pool with preempted nodes."""
        for record in self._engine.store.pools:
            if record.pool.target(dedicated=False) and _has_lost_nodes(record):
                self._attempt_later(record)

    def _attempt_later(self, record: StoredPool) -> None:
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
            self._engine.pool_nodes.restore(record, self._room(record))

    def _is_awaited(self, record: StoredPool) -> bool:
        """Return whether a new node would have tasks to run."""
        jobs = jobs_by_priority(self._engine.store, record)
        return self._room(record) > 0 and any(job.has_ready_tasks for job in jobs)

    def _room(self, record: StoredPool) -> int:
        limit = self._engine.pool_nodes.limit(record, False)
        return len(record.nodes) if limit is None else max(limit.room, 0)


def _has_lost_nodes(record: StoredPool) -> bool:
    return any(node.phase == "preempted" for node in record.nodes)
