"""The routes of HTTP functions: ASP.NET Core's route templates.

Source: `TemplateParser`, `TemplateMatcher` and the constraints in
https://github.com/dotnet/aspnetcore/tree/main/src/Http/Routing/src
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from functions_host.errors import RouteTemplateError
from functions_host.route_constraints import Constraint, parse_constraint

T = TypeVar("T")

_PARAMETER = re.compile(
    r"(?P<catch_all>\*{0,2})(?P<name>[^/{}?*:=]+)(?P<constraints>(?::[^=]*?)?)"
    r"(?:=(?P<default>.*?))?(?P<optional>\??)"
)
# Colons separate constraints, except those in the argument of a constraint.
_CONSTRAINT = re.compile(r":((?:\([^()]*(?:\([^()]*\)[^()]*)*\)|[^:])*)")


@dataclass(frozen=True, kw_only=True)
class _Parameter:
    name: str
    is_catch_all: bool
    is_optional: bool
    default: str | None
    constraints: tuple[Constraint, ...]

    @property
    def may_be_missing(self) -> bool:
        return self.is_optional or self.is_catch_all or self.default is not None


@dataclass(frozen=True, kw_only=True)
class _Segment:
    """What stands between two slashes: regular expressions, of which the first that matches counts."""

    patterns: tuple[re.Pattern[str], ...]
    parameters: tuple[_Parameter, ...]
    is_simple: bool
    """Whether it is one literal or one parameter."""

    @property
    def is_catch_all(self) -> bool:
        return any(parameter.is_catch_all for parameter in self.parameters)

    def match(self, text: str) -> dict[str, str] | None:
        match = next((match for p in self.patterns if (match := p.fullmatch(text))), None)
        if match is None:
            return None
        groups = match.groupdict()
        return {p.name: groups[f"p{i}"] for i, p in enumerate(self.parameters) if groups.get(f"p{i}")}

    @property
    def may_be_missing(self) -> bool:
        return self.is_simple and any(parameter.may_be_missing for parameter in self.parameters)


@dataclass(frozen=True, kw_only=True)
class RouteTemplate:
    """A compiled template, such as `orders/{id}`, `orders/{id:int}`, `files/{*path}` or `orders/{id?}`."""

    segments: tuple[_Segment, ...] = field(repr=False)

    @classmethod
    def parse(cls, template: str) -> "RouteTemplate":
        """Compile a template. Raises RouteTemplateError if ASP.NET Core would refuse it."""
        text = template.removeprefix("~/").removeprefix("/").removesuffix("/")
        segments = [_parse_segment(segment) for segment in _split(text)] if text else []
        if any(segment.is_catch_all for segment in segments[:-1]):
            raise RouteTemplateError("a catch-all parameter must be the last segment of the route template")
        names = [parameter.name.lower() for segment in segments for parameter in segment.parameters]
        if twice := {name for name in names if names.count(name) > 1}:
            raise RouteTemplateError(f"the parameter '{min(twice)}' appears more than once")
        return cls(segments=tuple(segments))

    def match(self, path: str) -> dict[str, str] | None:
        """Return the route values of a path, or None if it does not match."""
        given = path.removeprefix("/").removesuffix("/").split("/")
        given = [] if given == [""] and not path.endswith("//") else given
        values: dict[str, str] = {}
        for position, segment in enumerate(self.segments):
            if position >= len(given):
                if not segment.may_be_missing:
                    return None
                values |= {p.name: p.default for p in segment.parameters if p.default is not None}
                continue
            if not given[position]:
                return None
            if segment.is_catch_all:
                # The last slash belongs to the value.
                rest = path.removeprefix("/").split("/", position)[position]
                values[segment.parameters[0].name] = rest
                break
            if (found := segment.match(given[position])) is None:
                return None
            values |= found
        else:
            if len(given) > len(self.segments):
                return None
        return values if self._accepts(values) else None

    def _accepts(self, values: dict[str, str]) -> bool:
        return all(
            constraint(values[parameter.name])
            for segment in self.segments
            for parameter in segment.parameters
            if parameter.name in values
            for constraint in parameter.constraints
        )


class Router(Generic[T]):
    """Finds the target for a method and a path. Of several routes that match, the first added one wins."""

    def __init__(self) -> None:
        self._routes: list[tuple[RouteTemplate, frozenset[str], T]] = []

    def add(self, template: str, methods: Iterable[str], target: T) -> None:
        """Add a route. An empty `methods` means all methods. Raises RouteTemplateError."""
        route = RouteTemplate.parse(template)
        self._routes.append((route, frozenset(method.upper() for method in methods), target))

    def find(self, method: str, path: str) -> tuple[T, dict[str, str]] | None:
        """Return the target and the route values, or None if no route has this method and path."""
        for route, methods, target in self._routes:
            if (not methods or method.upper() in methods) and (values := route.match(path)) is not None:
                return target, values
        return None


def _split(text: str) -> list[str]:
    """Split a template at slashes, except those in braces."""
    segments, depth, start = [], 0, 0
    for position, letter in enumerate(text):
        if letter == "{":
            depth += 1
        elif letter == "}":
            depth = max(0, depth - 1)
        elif letter == "/" and depth == 0:
            segments.append(text[start:position])
            start = position + 1
    segments.append(text[start:])
    if "" in segments:
        raise RouteTemplateError("the separator '/' cannot appear twice in a row in a route template")
    return segments


def _parse_segment(segment: str) -> _Segment:
    expression, without_last = "", ""
    parameters: list[_Parameter] = []
    parts = _parts(segment)
    for position, (is_parameter, text) in enumerate(parts):
        if not is_parameter:
            if "?" in text:
                raise RouteTemplateError(f"the literal '{text}' contains a '?'")
            expression += re.escape(text)
            continue
        if position and parts[position - 1][0]:
            raise RouteTemplateError(f"'{segment}' has two parameters without a literal between them")
        parameter = _parse_parameter(text)
        _check_position(parameter, parts, position)
        if parameter.is_optional:
            # With an optional parameter, the period before it is optional too.
            without_last = expression.removesuffix(re.escape("."))
        expression += f"(?P<p{len(parameters)}>.+)"
        parameters.append(parameter)
    return _Segment(
        patterns=tuple(
            re.compile(text, re.IGNORECASE | re.DOTALL) for text in (expression, without_last) if text
        ),
        parameters=tuple(parameters),
        is_simple=len(parts) == 1,
    )


def _check_position(parameter: _Parameter, parts: list[tuple[bool, str]], position: int) -> None:
    if parameter.is_catch_all and len(parts) > 1:
        raise RouteTemplateError("a segment with a catch-all parameter cannot have other parts")
    if parameter.is_optional and len(parts) > 1:
        is_last = position == len(parts) - 1
        if not is_last or not parts[position - 1][1].endswith("."):
            raise RouteTemplateError(
                f"the optional parameter '{parameter.name}' must be the last part of its segment, after a '.'"
            )


def _parts(segment: str) -> list[tuple[bool, str]]:
    """Return the parameters (True) and literals of a segment. `{{` and `}}` stand for braces."""
    parts: list[tuple[bool, str]] = []
    text, rest, in_parameter = "", segment, False
    while rest:
        letter, rest = rest[0], rest[1:]
        if letter in "{}" and rest[:1] == letter:
            text, rest = text + letter, rest[1:]
        elif letter == "{" and not in_parameter:
            parts += [(False, text)] if text else []
            text, in_parameter = "", True
        elif letter == "}" and in_parameter:
            parts.append((True, text))
            text, in_parameter = "", False
        elif letter in "{}":
            raise RouteTemplateError(f"'{segment}' has a brace without its counterpart")
        else:
            text += letter
    if in_parameter:
        raise RouteTemplateError(f"'{segment}' has a parameter whose '{{' is not closed")
    return parts + ([(False, text)] if text else [])


def _parse_parameter(text: str) -> _Parameter:
    match = _PARAMETER.fullmatch(text)
    if match is None:
        raise RouteTemplateError(f"'{{{text}}}' is not a valid route parameter")
    if match["catch_all"] and match["optional"]:
        raise RouteTemplateError(f"the catch-all parameter '{match['name']}' cannot be optional")
    if match["default"] is not None and match["optional"]:
        raise RouteTemplateError(f"the optional parameter '{match['name']}' cannot have a default")
    return _Parameter(
        name=match["name"],
        is_catch_all=bool(match["catch_all"]),
        is_optional=bool(match["optional"]),
        default=match["default"],
        constraints=tuple(
            parse_constraint(constraint)
            for constraint in _CONSTRAINT.findall(match["constraints"])
            if constraint
        ),
    )
