"""Id maps that report their changes to a listener, such as the journal."""

from collections.abc import Callable
from typing import Protocol, TypeAlias, TypeVar

from fakebatch.id_map import IdMap

ChangeListener: TypeAlias = Callable[..., None]
"""Called with each change: its kind (`pool`, `node`, `sample`, `schedule`, `job`, `new task`, `task`,
`satisfied`, `subtasks` or `visit`) and the ids of what changed, from the outermost; or with `gone`, the kind
and the ids of what was removed."""


def ignore_change(*change: str) -> None:
    """Do nothing: the listener of what nobody listens to."""


class Notifying(Protocol):
    """Something that calls `on_change` with each change of its parts."""

    on_change: ChangeListener


T = TypeVar("T")
N = TypeVar("N", bound=Notifying)


class NotifyingIdMap(IdMap[T]):
    """An id map that calls `on_change` for each item that is put or removed.

    `kind` is the kind of the items, and the ids of what they are part of.
    """

    def __init__(self, *kind: str) -> None:
        super().__init__()
        self._kind = kind
        self.on_change: ChangeListener = ignore_change

    def put(self, item_id: str, item: T) -> None:
        """Add an item, or replace the one with this id."""
        super().put(item_id, item)
        self.on_change(*self._kind, item_id)

    def remove(self, item_id: str) -> None:
        """Remove an item. The case of `item_id` must be that of the item."""
        super().remove(item_id)
        self.on_change("gone", *self._kind, item_id)


class RecordMap(NotifyingIdMap[N]):
    """An id map of items that also report the changes of their parts."""

    def set_listener(self, on_change: ChangeListener) -> None:
        """Call a function with each change from now on."""
        self.on_change = on_change
        for record in self:
            record.on_change = on_change

    def put(self, item_id: str, item: N) -> None:
        """Add an item, or replace the one with this id."""
        item.on_change = self.on_change
        super().put(item_id, item)

    def remove(self, item_id: str) -> None:
        """Remove an item. The case of `item_id` must be that of the item."""
        self[item_id].on_change = ignore_change
        super().remove(item_id)
