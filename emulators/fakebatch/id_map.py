"""Items by id, as the service finds and lists them."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Shelf(Generic[T]):
    """Items by id: found without regard to case, listed in ordinal order of the ids."""

    def __init__(self) -> None:
        self._items: dict[str, T] = {}
        self.ids: list[str] = []

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._items.values()))

    def __contains__(self, item_id: str) -> bool:
        return item_id.lower() in self._items

    def __getitem__(self, item_id: str) -> T:
        return self._items[item_id.lower()]

    def get(self, item_id: str) -> T | None:
        """Return the item of an id, if there is one."""
        return self._items.get(item_id.lower())

    def put(self, item_id: str, item: T) -> None:
        """Add an item, or replace the one of this id."""
        key = item_id.lower()
        if key not in self._items:
            # Most ids come in order, and most are their own key: one text serves both.
            if not self.ids or self.ids[-1] < item_id:
                self.ids.append(item_id)
            else:
                insort(self.ids, item_id)
            key = item_id if key == item_id else key
        self._items[key] = item

    def remove(self, item_id: str) -> None:
        """Take away an item; `item_id` is in its own case."""
        del self._items[item_id.lower()]
        del self.ids[bisect_left(self.ids, item_id)]
