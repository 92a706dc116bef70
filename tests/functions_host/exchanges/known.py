"""What is known to differ, from differences.toml; the README says what the file holds."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "differences.toml"

_BY_CHANCE = " ?"
"""Ends the name of a part that differs in some runs only."""


@cache
def _document() -> Mapping[str, Any]:
    return tomllib.loads(FILE.read_text())


def ignored_headers() -> tuple[str, ...]:
    """Return the headers that are not compared, in lower case."""
    return tuple(_document()["not_compared"]["headers"])


@cache
def known_differences(kind: str) -> Mapping[str, list[str]]:
    """Return the parts that differ, for each case of a kind: `exchanges`, `facts` or `sequences`."""
    known: dict[str, list[str]] = {}
    for group in _document()["group"]:
        for name, parts in group.get(kind, {}).items():
            # One case may differ for several reasons.
            known.setdefault(name, []).extend(parts)
    return known


def assert_as_listed(kind: str, name: str, found: list[str], seen: object) -> None:
    """Fail when what differs is not what differences.toml lists; `seen` is shown then."""
    more, fewer = unlisted_and_gone(known_differences(kind).get(name, []), found)
    assert not more, f"{name} differs from the recording in {more}: {seen}"
    assert not fewer, f"{name} is now the same in {fewer}: take that out of {FILE.name}"


def unlisted_and_gone(listed: list[str], found: list[str]) -> tuple[list[str], list[str]]:
    """Return the parts that differ without being listed, and those that are listed and do not differ."""
    by_chance = {part.removesuffix(_BY_CHANCE) for part in listed if part.endswith(_BY_CHANCE)}
    always = {part for part in listed if not part.endswith(_BY_CHANCE)}
    return sorted(set(found) - always - by_chance), sorted(always - set(found))
