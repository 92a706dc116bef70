"""A pool with its nodes."""

from batchmgr.local.fakebatch.model.node import Node
from batchmgr.local.fakebatch.model.pool import Pool
from batchmgr.local.fakebatch.watching import Note, WatchedShelf, unheeded


class PoolRecord:
    """A pool, its nodes, and the ids of those that are on their way from one phase to another."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._note: Note = unheeded
        self.nodes: WatchedShelf[Node] = WatchedShelf("node", pool.id)
        self.moving: set[str] = set()

    @property
    def note(self) -> Note:
        """What is told of each change of the pool and its nodes."""
        return self._note

    @note.setter
    def note(self, note: Note) -> None:
        self._note = self.nodes.note = note

    @property
    def pool(self) -> Pool:
        """The pool without its nodes."""
        return self._pool

    @pool.setter
    def pool(self, pool: Pool) -> None:
        if pool is not self._pool:
            self._pool = pool
            self._note("pool", pool.id)
