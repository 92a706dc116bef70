"""The rows of a sweep: the values of each task, by placeholder. Each row is made when it is asked for."""

import itertools
import math
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence

from batchmgr.factories.factory_tasks import Row
from batchmgr.factories.lazy_sequence import LazySequence


def placeholders(parameters: Iterable[str]) -> tuple[str, ...]:
    """Return the placeholders of these parameters: their indexes, then their names."""
    names = tuple(parameters)
    return (*map(str, range(len(names))), *names)


class _Rows(LazySequence[Row]):
    """Rows of values for some parameters. A subclass says which value of each parameter a row has."""

    def __init__(self, parameters: Mapping[str, Sequence[str]]) -> None:
        self._values = tuple(parameters.values())
        self._placeholders = placeholders(parameters)

    def _make(self, number: int) -> Row:
        return self._named(self._choose(number))

    def _named(self, chosen: tuple[str, ...]) -> Row:
        return dict(zip(self._placeholders, chosen + chosen, strict=True))

    @abstractmethod
    def _choose(self, number: int) -> tuple[str, ...]:
        """Return the value of each parameter in the row in this place."""


class ProductRows(_Rows):
    """Every value of a parameter with every value of the others. The last parameter changes first."""

    def __init__(self, parameters: Mapping[str, Sequence[str]]) -> None:
        super().__init__(parameters)
        lengths = [len(values) for values in self._values]
        self._steps = [math.prod(lengths[place + 1 :]) for place in range(len(lengths))]
        self._columns = tuple(zip(self._values, self._steps, lengths, strict=True))

    def __len__(self) -> int:
        return self._steps[0] * len(self._values[0])

    def __iter__(self) -> Iterator[Row]:
        return map(self._named, itertools.product(*self._values))

    def places_of(self, choices: Iterable[Iterable[int]]) -> list[int]:
        """Return the places of the rows that combine these places of each parameter's values."""
        return [
            sum(place * step for place, step in zip(places, self._steps, strict=True))
            for places in itertools.product(*choices)
        ]

    def _choose(self, number: int) -> tuple[str, ...]:
        return tuple([values[number // step % length] for values, step, length in self._columns])


class ZipRows(_Rows):
    """The first value of every parameter, then the second of every parameter, and so on."""

    def __len__(self) -> int:
        return len(self._values[0])

    def _choose(self, number: int) -> tuple[str, ...]:
        return tuple([values[number] for values in self._values])
