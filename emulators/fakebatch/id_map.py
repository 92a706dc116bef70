"""A map of items by id, with the rules of the service for finding and listing them."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class IdMap(Generic[T]):
    """Items by id. Lookups ignore case; `ids` are in ordinal order, as lists of the service are."""

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
        """Return the item with this id, or None."""
        return self._items.get(item_id.lower())

    def put(self, item_id: str, item: T) -> None:
        """Add an item, or replace the one with this id."""
        key = item_id.lower()
        if key not in self._items:
            # Most ids are added in order. Most are in lower case: then id and key share one string.
            if not self.ids or self.ids[-1] < item_id:
                self.ids.append(item_id)
            else:
                insort(self.ids, item_id)
            key = item_id if key == item_id else key
        self._items[key] = item

    def remove(self, item_id: str) -> None:
        """Remove an item. The case of `item_id` must be that of the item."""
        del self._items[item_id.lower()]
        del self.ids[bisect_left(self.ids, item_id)]
