"""The routes of HTTP functions: ASP.NET route templates and their precedence."""

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
    """A compiled template, such as `orders/{id}`, `orders/{id:int}`, `files/{*path}` or `orders/{id?}`."""

    pattern: re.Pattern[str]
    precedence: tuple[int, ...]
    """The lower one wins: literals, then constrained parameters, then free parameters, then catch-alls."""

    @classmethod
    def parse(cls, template: str) -> "RouteTemplate":
        """Compile a template. Raises ConfigurationError for an unknown constraint."""
        pattern, precedence = "", []
        for segment in filter(None, template.strip("/").split("/")):
            expression, rank, is_optional = _segment(segment)
            separator = "/" if pattern else ""
            pattern += f"(?:{separator}{expression})?" if is_optional else separator + expression
            precedence.append(rank)
        return cls(pattern=re.compile(pattern, re.IGNORECASE), precedence=tuple(precedence))

    def match(self, path: str) -> dict[str, str] | None:
        """Return the route values of a path without outer slashes, or None if it does not match."""
        if (match := self.pattern.fullmatch(path)) is None:
            return None
        return {name: value for name, value in match.groupdict().items() if value}


class Router(Generic[T]):
    """Finds the target for the method and path of a request."""

    def __init__(self) -> None:
        self._routes: list[tuple[RouteTemplate, frozenset[str], T]] = []

    def add(self, template: str, methods: Iterable[str], target: T) -> None:
        """Add a route. An empty `methods` means all methods."""
        route = RouteTemplate.parse(template)
        self._routes.append((route, frozenset(method.upper() for method in methods), target))
        self._routes.sort(key=lambda entry: entry[0].precedence)

    def find(self, method: str, path: str) -> tuple[T, dict[str, str]] | None:
        """Return the target and the route values, or None if no route has this method and path."""
        for route, methods, target in self._routes:
            if (not methods or method in methods) and (values := route.match(path.strip("/"))) is not None:
                return target, values
        return None


def _segment(segment: str) -> tuple[str, int, bool]:
    """Return the regular expression of a path segment, its rank, and whether it is optional."""
    expression, end, ranks, is_optional = "", 0, [_LITERAL], False
    for match in _PARAMETER.finditer(segment):
        expression += re.escape(segment[end : match.start()]) + _group(match)
        end = match.end()
        ranks.append(_CATCH_ALL if match["catch_all"] else _CONSTRAINED if match["constraint"] else _FREE)
        is_optional = bool(match["optional"] or match["catch_all"])
    return expression + re.escape(segment[end:]), max(ranks), is_optional


def _group(match: re.Match[str]) -> str:
    name, constraint = match["name"], match["constraint"]
    if match["catch_all"]:
        return f"(?P<{name}>.*)"
    if constraint is None:
        return f"(?P<{name}>[^/]+)"
    if constraint not in _CONSTRAINTS:
        raise ConfigurationError(f"route constraint '{constraint}' is not supported")
    return f"(?P<{name}>{_CONSTRAINTS[constraint]})"
