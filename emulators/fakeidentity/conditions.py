"""Conditions of role assignments: the part of Azure's language that is about actions and containers.

A condition is asked for each action that a role allows. It knows `ActionMatches{'…'}`, comparisons of
`@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name]`, `!`, `AND`, `OR` and parentheses.

Source: https://learn.microsoft.com/azure/role-based-access-control/conditions-format
"""

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Final

Condition = Callable[[str, str], bool]
"""Whether an action, by its full name in Azure, is allowed on a container."""

_CONTAINER: Final = "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name]"
_PART: Final = re.compile(r"\s*(@Resource\[[^\]]*\]|'[^']*'|\w+|[!(){}])")
_COMPARISONS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "StringEquals": str.__eq__,
    "StringNotEquals": str.__ne__,
    "StringStartsWith": str.startswith,
    "StringNotStartsWith": lambda name, start: not name.startswith(start),
}


@cache
def condition(text: str) -> Condition:
    """Return what a text means. Raises ValueError for what is not known here."""
    parts = _Parts(text)
    found = _any_of(parts)
    if parts.next:
        raise ValueError(f"{parts.next!r} is not understood in the condition {text!r}")
    return found


class _Parts:
    """The words of a condition, read from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text.strip()
        self._at = 0
        self.next = ""
        self.take()

    def take(self, *expected: str) -> str:
        """Return the next word, and go on. Raises ValueError if it is none of those that are expected."""
        taken = self.next
        if expected and taken not in expected:
            raise ValueError(f"{taken!r} is in place of {' or '.join(expected)} in {self._text!r}")
        match = _PART.match(self._text, self._at)
        if match is None and self._at < len(self._text):
            raise ValueError(f"{self._text[self._at :][:20]!r} is not understood in the condition")
        self.next, self._at = (match[1], match.end()) if match else ("", self._at)
        return taken

    def take_text(self) -> str:
        """Return the next word, a text in quotation marks, without these."""
        taken = self.take()
        if not taken.startswith("'"):
            raise ValueError(f"{taken!r} is in place of a text in {self._text!r}")
        return taken[1:-1]


def _any_of(parts: _Parts) -> Condition:
    found = [_all_of(parts)]
    while parts.next == "OR":
        parts.take()
        found.append(_all_of(parts))
    return lambda action, container: any(one(action, container) for one in found)


def _all_of(parts: _Parts) -> Condition:
    found = [_one(parts)]
    while parts.next == "AND":
        parts.take()
        found.append(_one(parts))
    return lambda action, container: all(one(action, container) for one in found)


def _one(parts: _Parts) -> Condition:
    word = parts.take("!", "(", "ActionMatches", _CONTAINER)
    if word == "!":
        denied = _one(parts)
        return lambda action, container: not denied(action, container)
    if word == "(":
        inner = _any_of(parts)
        parts.take(")")
        return inner
    if word == _CONTAINER:
        compare, value = _COMPARISONS[parts.take(*_COMPARISONS)], parts.take_text()
        return lambda _action, container: compare(container, value)
    parts.take("{")
    pattern = parts.take_text()
    parts.take("}")
    return lambda action, _container: fnmatchcase(action, pattern)
