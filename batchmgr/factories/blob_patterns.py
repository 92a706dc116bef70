"""Which blob names a pattern means: `*.csv`, `raw/*/[0-9]?.csv`, `raw/**/*.csv`."""

from collections.abc import Sequence
from fnmatch import fnmatchcase


def matches(pattern: str, name: str) -> bool:
    """Whether a blob's name is one that the pattern means.

    `*`, `?` and `[abc]` stand for letters within a part of the name, `**` as a whole part for any number of
    parts. A pattern without a `/` is compared with the last part alone.

    >>> matches("*.csv", "raw/2024/a.csv"), matches("raw/*.csv", "raw/2024/a.csv")
    (True, False)
    >>> matches("raw/**/*.csv", "raw/2024/a.csv"), matches("raw/**/*.csv", "raw/a.csv")
    (True, True)
    """
    if "/" not in pattern:
        return fnmatchcase(name.rpartition("/")[2], pattern)
    return _match(pattern.split("/"), name.split("/"))


def _match(pattern: Sequence[str], parts: Sequence[str]) -> bool:
    """Whether the parts match, by the places of the pattern that each part can reach: no backtracking."""
    places = _skipping({0}, pattern)
    for part in parts:
        stay = {place for place in places if place < len(pattern) and pattern[place] == "**"}
        go = {
            place + 1 for place in places - stay if place < len(pattern) and fnmatchcase(part, pattern[place])
        }
        places = _skipping(stay | go, pattern)
    return len(pattern) in places


def _skipping(places: set[int], pattern: Sequence[str]) -> set[int]:
    """The places, and those behind each `**` that may stand for nothing."""
    reached = set(places)
    for place in range(len(pattern)):
        if place in reached and pattern[place] == "**":
            reached.add(place + 1)
    return reached
