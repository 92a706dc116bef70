"""A pool with its nodes."""

from collections.abc import Mapping
from typing import Final

from fakebatch.change_listeners import Note, WatchedShelf, unheeded
from fakebatch.model.node_entity import NodeEntity
from fakebatch.model.pool_entity import PoolEntity


class NodeShelf(WatchedShelf[NodeEntity]):
    """The nodes of a pool; `with_room` has those that could take a task, so that none looks at all others."""

    def __init__(self, pool_id: str) -> None:
        super().__init__("node", pool_id)
        self.with_room: dict[str, NodeEntity] = {}

    def put(self, item_id: str, item: NodeEntity) -> None:
        """Add a node, or replace the one of this id."""
        super().put(item_id, item)
        if item.free_slots > 0:
            self.with_room[item_id] = item
        else:
            self.with_room.pop(item_id, None)

    def remove(self, item_id: str) -> None:
        """Take away a node."""
        super().remove(item_id)
        self.with_room.pop(item_id, None)


_MOST_SAMPLES: Final = 24 * 60 * 2
"""Those of a day, as one is taken every thirty seconds."""


class PoolRecord:
    """A pool, its nodes, and the ids of those that are on their way from one phase to another.

    `samples` are the values of its load, by the time in ticks, the oldest first.
    """

    def __init__(self, pool: PoolEntity) -> None:
        self._pool = pool
        self._note: Note = unheeded
        self.nodes = NodeShelf(pool.id)
        self.moving: set[str] = set()
        self.samples: dict[int, Mapping[str, float]] = {}

    @property
    def note(self) -> Note:
        """What is told of each change of the pool and its nodes."""
        return self._note

    @note.setter
    def note(self, note: Note) -> None:
        self._note = self.nodes.note = note

    @property
    def pool(self) -> PoolEntity:
        """The pool without its nodes."""
        return self._pool

    @pool.setter
    def pool(self, pool: PoolEntity) -> None:
        if pool is not self._pool:
            self._pool = pool
            self._note("pool", pool.id)

    def add_sample(self, at: int, values: Mapping[str, float]) -> None:
        """Keep a sample of the load, for a day."""
        self.samples[at] = values
        if len(self.samples) > _MOST_SAMPLES:
            del self.samples[next(iter(self.samples))]
        self._note("sample", self._pool.id, str(at))

    def forget_samples(self) -> None:
        """Drop the samples of a pool that does not scale itself any more."""
        if self.samples:
            self.samples.clear()
            self._note("gone", "samples", self._pool.id)
