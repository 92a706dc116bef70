"""A sequence whose items are made when somebody asks for them, and kept by nobody."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TypeVar, overload

T = TypeVar("T")


class LazySequence(Sequence[T]):
    """A sequence of as many items as `__len__` says. `_make` makes one; asked again, it makes the same."""

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...

    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            return tuple(map(self._make, range(len(self))[index]))
        return self._make(range(len(self))[index])

    def __iter__(self) -> Iterator[T]:
        return map(self._make, range(len(self)))

    @abstractmethod
    def _make(self, number: int) -> T:
        """Return the item in this place, from 0."""
