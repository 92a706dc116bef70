"""ASP.NET route templates, as far as HTTP functions use them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from functions_host.errors import ConfigurationError

T = TypeVar("T")

_PARAMETER = re.compile(
    r"\{(?P<catch_all>\*{0,2})(?P<name>\w+)(?::(?P<constraint>[^}?]+))?(?P<optional>\??)\}"
)
_CONSTRAINTS = {
    "int": r"[+-]?\d+",
    "long": r"[+-]?\d+",
    "bool": r"true|false",
    "alpha": r"[a-z]+",
    "guid": r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
}
_LITERAL, _CONSTRAINED, _FREE, _CATCH_ALL = 1, 2, 3, 5


@dataclass(frozen=True, kw_only=True)
class RouteTemplate:
    """A compiled template: `jobs/{id}`, `jobs/{id:int}`, `files/{*path}`, `jobs/{id?}`."""

    pattern: re.Pattern[str]
    precedence: tuple[int, ...]
    """Lower wins: literals before constrained parameters before free ones before catch-alls."""

    @classmethod
    def parse(cls, template: str) -> "RouteTemplate":
        """Compile a template. Raises ConfigurationError for a constraint that is not known."""
        pattern, precedence = "", []
        for segment in filter(None, template.strip("/").split("/")):
            expression, rank, may_be_missing = _segment(segment)
            separator = "/" if pattern else ""
            pattern += f"(?:{separator}{expression})?" if may_be_missing else separator + expression
            precedence.append(rank)
        return cls(pattern=re.compile(pattern, re.IGNORECASE), precedence=tuple(precedence))

    def match(self, path: str) -> dict[str, str] | None:
        """Return the route values of a path without its outer slashes, or None."""
        if (match := self.pattern.fullmatch(path)) is None:
            return None
        return {name: value for name, value in match.groupdict().items() if value}


class Router(Generic[T]):
    """Finds what a method and a path lead to."""

    def __init__(self) -> None:
        self._routes: list[tuple[RouteTemplate, frozenset[str], T]] = []

    def add(self, template: str, methods: Iterable[str], target: T) -> None:
        """Add a route; without methods it takes them all."""
        route = RouteTemplate.parse(template)
        self._routes.append((route, frozenset(method.upper() for method in methods), target))
        self._routes.sort(key=lambda entry: entry[0].precedence)

    def find(self, method: str, path: str) -> tuple[T, dict[str, str]] | None:
        """Return the target and the route values, or None when method or path does not fit."""
        for route, methods, target in self._routes:
            if (not methods or method in methods) and (values := route.match(path.strip("/"))) is not None:
                return target, values
        return None


def _segment(segment: str) -> tuple[str, int, bool]:
    """Return the expression of one path segment, its rank, and whether it may be missing."""
    expression, end, ranks, may_be_missing = "", 0, [_LITERAL], False
    for match in _PARAMETER.finditer(segment):
        expression += re.escape(segment[end : match.start()]) + _group(match)
        end = match.end()
        ranks.append(_CATCH_ALL if match["catch_all"] else _CONSTRAINED if match["constraint"] else _FREE)
        may_be_missing = bool(match["optional"] or match["catch_all"])
    return expression + re.escape(segment[end:]), max(ranks), may_be_missing


def _group(match: re.Match[str]) -> str:
    name, constraint = match["name"], match["constraint"]
    if match["catch_all"]:
        return f"(?P<{name}>.*)"
    if constraint is None:
        return f"(?P<{name}>[^/]+)"
    if constraint not in _CONSTRAINTS:
        raise ConfigurationError(f"route constraint '{constraint}' is not supported")
    return f"(?P<{name}>{_CONSTRAINTS[constraint]})"
