"""Preempt spot nodes at random, as a simulation says."""

from random import Random

from fakebatch.engine import Engine
from fakebatch.model.node_entity import NodeEntity
from fakebatch.stored_pool import StoredPool
from fakebatch.wire import service_clock

_HOUR_S = 3600.0


class SpotNodeEviction:
    """Preempts each spot node at a rate of `per_hour`.

    The time to the next preemption among n nodes has no memory, so it is drawn again whenever n changes.
    """

    def __init__(self, engine: Engine, per_hour: float, seed: int) -> None:
        self._engine = engine
        self._per_hour = per_hour
        self._random = Random(f"{seed}/evictions")  # noqa: S311
        self._nodes = 0
        self._timer: service_clock.Timer | None = None
        if per_hour:
            engine.add_pass_listener(self._redraw)

    def stop(self) -> None:
        """Stop the timer: no more nodes are preempted."""
        if self._timer is not None:
            self._timer.cancel()

    def _redraw(self) -> None:
        nodes = len(self._victims())
        if nodes == self._nodes:
            return
        self._nodes = nodes
        self._schedule()

    def _schedule(self) -> None:
        self.stop()
        if self._nodes:
            wait = self._random.expovariate(self._per_hour / _HOUR_S * self._nodes)
            self._timer = service_clock.call_later(wait, self._evict)

    def _evict(self) -> None:
        victims = self._victims()
        if victims:
            record, node = self._random.choice(victims)
            self._engine.pool_nodes.evict(record, node)
        self._schedule()

    def _victims(self) -> list[tuple[StoredPool, NodeEntity]]:
        """Return the spot nodes that have a machine."""
        return [
            (record, node)
            for record in self._engine.store.pools
            for node in record.nodes
            if not node.dedicated and node.phase not in ("preempted", "leavingpool")
        ]
