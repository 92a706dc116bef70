"""Shelves that tell of what changes on them."""

from collections.abc import Callable
from typing import Protocol, TypeAlias, TypeVar

from fakebatch.id_map import Shelf

Note: TypeAlias = Callable[..., None]
"""Told of each change: its kind (`pool`, `node`, `sample`, `schedule`, `job`, `new task`, `task`,
`satisfied`, `subtasks` or `visit`) and the ids of what changed, from the outermost; or `gone`, and then kind
and ids."""


def unheeded(*change: str) -> None:
    """Take no note of a change."""


class Noted(Protocol):
    """Something with parts that change: `note` is told of them."""

    note: Note


T = TypeVar("T")
N = TypeVar("N", bound=Noted)


class WatchedShelf(Shelf[T]):
    """A shelf that tells `note` of each item put or removed: its kind, what it is part of, and its id."""

    def __init__(self, *kind: str) -> None:
        super().__init__()
        self._kind = kind
        self.note: Note = unheeded

    def put(self, item_id: str, item: T) -> None:
        """Add an item, or replace the one of this id."""
        super().put(item_id, item)
        self.note(*self._kind, item_id)

    def remove(self, item_id: str) -> None:
        """Take away an item; `item_id` is in its own case."""
        super().remove(item_id)
        self.note("gone", *self._kind, item_id)


class RecordShelf(WatchedShelf[N]):
    """A shelf of items that tell of changes of their parts too."""

    def watch(self, note: Note) -> None:
        """Have a function told of each change from now on."""
        self.note = note
        for record in self:
            record.note = note

    def put(self, item_id: str, item: N) -> None:
        """Add an item."""
        item.note = self.note
        super().put(item_id, item)

    def remove(self, item_id: str) -> None:
        """Take away an item; `item_id` is in its own case."""
        self[item_id].note = unheeded
        super().remove(item_id)
