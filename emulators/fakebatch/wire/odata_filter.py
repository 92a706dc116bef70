"""The `$filter` language of the list operations. A filter is compiled to a predicate.

    or-expression  = and-expression *( "or" and-expression )
    and-expression = term *( "and" term )
    term           = "not" term | "(" or-expression ")" | "startswith" "(" property "," string ")"
                   | property ( "eq" | "ne" | "gt" | "ge" | "lt" | "le" ) literal
    literal        = string | number | "true" | "false" | "DateTime" string

A property is a path such as `executionInfo/exitCode`. Names and operators are case-sensitive. For a property
that an item does not have, `ne` is true and every other comparison is false.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

from fakebatch.errors import BatchError, invalid_query
from fakebatch.wire import timestamps

T = TypeVar("T")
Predicate: TypeAlias = Callable[[T], bool]
FieldKind: TypeAlias = Literal["text", "number", "time", "boolean"]

_TOKENS = re.compile(
    r"\s*(?:(?P<time>DateTime'[^']*')|(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_][\w/]*)|(?P<mark>[(),]))"
)
_OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_END: Final = ("end", "")


@dataclass(frozen=True, slots=True)
class Field(Generic[T]):
    """A property that a filter can use.

    `kind` is the type of its literals. `read` returns its value in an item, or None if the item does not have
    the property. It returns times in ticks.
    """

    kind: FieldKind
    read: Callable[[T], str | float | bool | None]


def compile_filter(text: str, fields: Mapping[str, Field[T]]) -> Predicate[T]:
    """Return the predicate for the text of a `$filter`.

    Raises BatchError(InvalidQueryParameterValue) for a property, operator or literal that is not allowed.
    """
    try:
        return _Parser(_tokenize(text), fields).parse()
    except ValueError as error:
        raise _refusal(text, str(error)) from error


def _refusal(text: str, reason: str) -> BatchError:
    return invalid_query("$filter", text, reason)


def _tokenize(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKENS.match(text, position)
        if match is None or match.lastgroup is None:
            raise ValueError(f"unexpected character at position {position}")
        tokens.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return tokens


class _Parser(Generic[T]):
    def __init__(self, tokens: list[tuple[str, str]], fields: Mapping[str, Field[T]]) -> None:
        self._tokens = tokens
        self._fields = fields
        self._position = 0

    def parse(self) -> Predicate[T]:
        predicate = self._any()
        if self._peek() != _END:
            raise ValueError(f"unexpected {self._peek()[1]!r}")
        return predicate

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._position] if self._position < len(self._tokens) else _END

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._position += 1
        return token

    def _accept(self, text: str) -> bool:
        if self._peek()[0] in ("name", "mark") and self._peek()[1] == text:
            self._position += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise ValueError(f"expected {text!r} instead of {self._peek()[1]!r}")

    def _any(self) -> Predicate[T]:
        left = self._all()
        while self._accept("or"):
            left = _either(left, self._all())
        return left

    def _all(self) -> Predicate[T]:
        left = self._term()
        while self._accept("and"):
            left = _both(left, self._term())
        return left

    def _term(self) -> Predicate[T]:
        if self._accept("not"):
            inner = self._term()
            return lambda item: not inner(item)
        if self._accept("("):
            inner = self._any()
            self._expect(")")
            return inner
        if self._accept("startswith"):
            return self._startswith()
        return self._comparison()

    def _field(self) -> Field[T]:
        kind, name = self._next()
        if kind != "name" or name not in self._fields:
            raise ValueError(f"the property {name!r} does not exist or cannot be filtered on")
        return self._fields[name]

    def _startswith(self) -> Predicate[T]:
        self._expect("(")
        field = self._field()
        self._expect(",")
        kind, literal = self._next()
        self._expect(")")
        if kind != "text" or field.kind != "text":
            raise ValueError("startswith takes a property of type string and a string")
        read, prefix = field.read, _unquote(literal)
        return lambda item: isinstance(found := read(item), str) and found.startswith(prefix)

    def _comparison(self) -> Predicate[T]:
        field = self._field()
        _, name = self._next()
        if name not in _OPERATORS:
            raise ValueError(f"{name!r} is not an operator")
        compare, absent = _OPERATORS[name], name == "ne"
        read, literal = field.read, _literal(self._next(), field.kind)

        def holds(item: T) -> bool:
            found = read(item)
            return absent if found is None else compare(found, literal)

        return holds


def _either(left: Predicate[T], right: Predicate[T]) -> Predicate[T]:
    return lambda item: left(item) or right(item)


def _both(left: Predicate[T], right: Predicate[T]) -> Predicate[T]:
    return lambda item: left(item) and right(item)


def _unquote(text: str) -> str:
    return text[1:-1].replace("''", "'")


def _literal(token: tuple[str, str], kind: FieldKind) -> str | float | bool:
    found, text = token
    if found == "name" and text in ("true", "false") and kind == "boolean":
        return text == "true"
    if found == "time" and kind == "time":
        return timestamps.from_iso(text.removeprefix("DateTime")[1:-1])
    if found == "number" and kind == "number":
        return float(text) if "." in text else int(text)
    if found == "text" and kind == "text":
        return _unquote(text)
    raise ValueError(f"a literal of type {kind} was expected instead of {text!r}")
