"""Which values of a factory stand for all others: if their tasks keep a rule, the tasks of all values do.

Most values are plain: letters and digits, with dots, dashes and slashes between them. A plain value can break
a rule only by its length, so the longest stands for all. Any other value stands for itself.
"""

import re
from collections.abc import Sequence

_PLAIN = re.compile(r"-?[A-Za-z0-9]+(?:[_./-][A-Za-z0-9]+)*")


def is_plain(value: str) -> bool:
    """Return whether a value can break a rule only by its length.

    >>> [value for value in ("-1.5e-3", "raw/x_1.csv", "", "a b", "../a", "a..b", "é") if is_plain(value)]
    ['-1.5e-3', 'raw/x_1.csv']
    """
    return _PLAIN.fullmatch(value) is not None


def typical_values(values: Sequence[str]) -> list[int]:
    """Return the places of the values that stand for all: the first, the longest, and each that isn't plain.

    >>> typical_values(["1", "2", "3", "100", "a b"])
    [0, 3, 4]
    """
    places = {place for place, value in enumerate(values) if not is_plain(value)}
    longest = max(range(len(values)), key=lambda place: len(values[place]))
    return sorted({0, longest, *places})
