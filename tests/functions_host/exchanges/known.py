"""What is known to differ, from differences.toml; the README says what the file holds."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "differences.toml"


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
    listed = known_differences(kind).get(name, [])
    more, fewer = sorted(set(found) - set(listed)), sorted(set(listed) - set(found))
    assert not more, f"{name} differs from the recording in {more}: {seen}"
    assert not fewer, f"{name} is now the same in {fewer}: take that out of {FILE.name}"
