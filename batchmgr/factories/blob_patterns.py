"""Matching blob names against patterns: `*.csv`, `raw/*/[0-9]?.csv`, `raw/**/*.csv`."""

from collections.abc import Sequence
from fnmatch import fnmatchcase


def matches(pattern: str, name: str) -> bool:
    """Return whether the name of a blob matches the pattern.

    The parts of a name are separated by `/`. `*`, `?` and `[abc]` match characters within one part; the part
    `**` matches any number of parts, also none. A pattern without a `/` is compared with the last part only.

    >>> matches("*.csv", "raw/2024/a.csv"), matches("raw/*.csv", "raw/2024/a.csv")
    (True, False)
    >>> matches("raw/**/*.csv", "raw/2024/a.csv"), matches("raw/**/*.csv", "raw/a.csv")
    (True, True)
    """
    if "/" not in pattern:
        return fnmatchcase(name.rpartition("/")[2], pattern)
    return _match(pattern.split("/"), name.split("/"))


def _match(pattern: Sequence[str], parts: Sequence[str]) -> bool:
    """Return whether the parts match. The pattern runs as a state machine: its cost does not explode.

    `positions` are the indexes of the pattern that the parts read so far can have reached.
    """
    positions = _skip_stars({0}, pattern)
    for part in parts:
        stars = {at for at in positions if at < len(pattern) and pattern[at] == "**"}
        matched = {at + 1 for at in positions - stars if at < len(pattern) and fnmatchcase(part, pattern[at])}
        positions = _skip_stars(stars | matched, pattern)
    return len(pattern) in positions


def _skip_stars(positions: set[int], pattern: Sequence[str]) -> set[int]:
    """Return the positions, and those after each `**`, because it may match nothing."""
    reached = set(positions)
    for at in range(len(pattern)):
        if at in reached and pattern[at] == "**":
            reached.add(at + 1)
    return reached
