"""A pool with its nodes, as the store keeps it."""

from collections.abc import Mapping
from typing import Final

from fakebatch.change_listeners import ChangeListener, NotifyingIdMap, ignore_change
from fakebatch.model.node_entity import NodeEntity
from fakebatch.model.pool_entity import PoolEntity


class NodeMap(NotifyingIdMap[NodeEntity]):
    """The nodes of a pool. `with_room` has those with free slots, so that nobody has to search for them."""

    def __init__(self, pool_id: str) -> None:
        super().__init__("node", pool_id)
        self.with_room: dict[str, NodeEntity] = {}

    def put(self, item_id: str, item: NodeEntity) -> None:
        """Add a node, or replace the one with this id."""
        super().put(item_id, item)
        if item.free_slots > 0:
            self.with_room[item_id] = item
        else:
            self.with_room.pop(item_id, None)

    def remove(self, item_id: str) -> None:
        """Remove a node."""
        super().remove(item_id)
        self.with_room.pop(item_id, None)


_MOST_SAMPLES: Final = 24 * 60 * 2
"""The samples of a day: one is taken every 30 seconds."""


class StoredPool:
    """A pool with its nodes and the samples of its load.

    `in_transition` are the ids of the nodes that wait to change their phase. `samples` are by time in ticks,
    the oldest first.
    """

    def __init__(self, pool: PoolEntity) -> None:
        self._pool = pool
        self._on_change: ChangeListener = ignore_change
        self.nodes = NodeMap(pool.id)
        self.in_transition: set[str] = set()
        self.samples: dict[int, Mapping[str, float]] = {}

    @property
    def on_change(self) -> ChangeListener:
        """The listener that is called with each change of the pool and its nodes."""
        return self._on_change

    @on_change.setter
    def on_change(self, on_change: ChangeListener) -> None:
        self._on_change = self.nodes.on_change = on_change

    @property
    def pool(self) -> PoolEntity:
        """The pool without its nodes."""
        return self._pool

    @pool.setter
    def pool(self, pool: PoolEntity) -> None:
        if pool is not self._pool:
            self._pool = pool
            self._on_change("pool", pool.id)

    def add_sample(self, at: int, values: Mapping[str, float]) -> None:
        """Store a sample of the load. Samples are kept for a day."""
        self.samples[at] = values
        if len(self.samples) > _MOST_SAMPLES:
            del self.samples[next(iter(self.samples))]
        self._on_change("sample", self._pool.id, str(at))

    def forget_samples(self) -> None:
        """Remove all samples, because the pool has no formula any more."""
        if self.samples:
            self.samples.clear()
            self._on_change("gone", "samples", self._pool.id)
