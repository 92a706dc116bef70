"""The expression language of Data Factory, as far as the examples use it.

A text that begins with `@` is an expression; `@{…}` in a text is replaced by its value; `@@` stands for `@`.
What the language has and the examples don't use is an error here, so that nothing is evaluated by guess.
Source: https://learn.microsoft.com/azure/data-factory/control-flow-expression-language-functions
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+)|(?P<name>[A-Za-z_]\w*)|(?P<mark>\?\.|\?\[|[().,\[\]]))"
)


class ExpressionError(Exception):
    """An expression that can't be evaluated: the activity fails."""


def _union(*collections: Any) -> Any:
    if not all(isinstance(one, dict) for one in collections):
        raise ExpressionError("union: expects objects here")
    return {name: value for one in collections for name, value in one.items()}


def _string(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _concat(*texts: Any) -> str:
    return "".join(_string(text) for text in texts)


def _json(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError) as error:
        raise ExpressionError(f"json: {error}") from error


def _base64(text: Any) -> str:
    if not isinstance(text, str):
        raise ExpressionError("base64: expects a text")
    return base64.b64encode(text.encode()).decode()


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "base64": _base64,
    "coalesce": lambda *values: next((value for value in values if value is not None), None),
    "concat": _concat,
    "contains": lambda collection, item: item in collection,
    "createArray": lambda *values: list(values),
    "equals": lambda one, other: one == other,
    "json": _json,
    "not": lambda value: not value,
    "replace": lambda text, old, new: text.replace(old, new),
    "string": _string,
    "union": _union,
}
CONSTANTS = {"true": True, "false": False, "null": None}


def evaluate(value: Any, scope: Mapping[str, Callable[..., Any]]) -> Any:
    """Return a JSON value with all its expressions evaluated. `scope` has `pipeline` and `activity`."""
    if isinstance(value, dict):
        if set(value) == {"value", "type"} and value["type"] == "Expression":
            return evaluate(value["value"], scope)
        return {name: evaluate(one, scope) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [evaluate(one, scope) for one in value]
    return _text(value, scope) if isinstance(value, str) else value


def _text(text: str, scope: Mapping[str, Callable[..., Any]]) -> Any:
    if text.startswith("@@"):
        return text[1:]
    if text.startswith("@") and not text.startswith("@{"):
        parser = _Parser(text[1:], scope)
        found = parser.value()
        parser.end()
        return found
    pieces, place = [], 0
    while (start := text.find("@{", place)) >= 0:
        parser = _Parser(text[start + 2 :], scope)
        pieces += [text[place:start], _string(parser.value())]
        place = start + 2 + parser.closing_brace()
    return "".join([*pieces, text[place:]])


class _Parser:
    """Evaluates one expression while it reads it."""

    def __init__(self, text: str, scope: Mapping[str, Callable[..., Any]]) -> None:
        self._text, self._place = text, 0
        self._functions = {**FUNCTIONS, **scope}

    def value(self) -> Any:
        kind, word = self._next()
        if kind == "text":
            found: Any = word[1:-1].replace("''", "'")
        elif kind == "number":
            found = int(word)
        elif kind == "name" and word in CONSTANTS:
            found = CONSTANTS[word]
        elif kind == "name" and word in self._functions:
            found = self._functions[word](*self._arguments())
        else:
            raise ExpressionError(f"{word!r} is not known, in {self._text!r}")
        return self._members(found)

    def end(self) -> None:
        """Raise ExpressionError if there is more."""
        if self._text[self._place :].strip():
            raise ExpressionError(f"{self._text[self._place :]!r} is too much, in {self._text!r}")

    def closing_brace(self) -> int:
        """Return where the text behind `}` begins."""
        rest = self._text[self._place :]
        if not rest.lstrip().startswith("}"):
            raise ExpressionError(f"}} is missing, in {self._text!r}")
        return self._place + rest.index("}") + 1

    def _members(self, found: Any) -> Any:
        while True:
            mark = self._peek()
            if mark in {".", "?."}:
                self._next()
                _, name = self._next()
                found = _member(found, name, is_optional=mark == "?.")
            elif mark in {"[", "?["}:
                self._next()
                found = _member(found, self.value(), is_optional=mark == "?[")
                self._expect("]")
            else:
                return found

    def _arguments(self) -> list[Any]:
        self._expect("(")
        found: list[Any] = []
        while self._peek() != ")":
            if found:
                self._expect(",")
            found.append(self.value())
        self._expect(")")
        return found

    def _peek(self) -> str:
        match = _TOKEN.match(self._text, self._place)
        return match.group().strip() if match else ""

    def _next(self) -> tuple[str, str]:
        match = _TOKEN.match(self._text, self._place)
        if match is None or match.lastgroup is None:
            raise ExpressionError(f"{self._text[self._place :]!r} can't be read")
        self._place = match.end()
        return match.lastgroup, match.group().strip()

    def _expect(self, mark: str) -> None:
        if self._next()[1] != mark:
            raise ExpressionError(f"{mark!r} is missing, in {self._text!r}")


def _member(value: Any, name: str | int, *, is_optional: bool) -> Any:
    if isinstance(value, list) and isinstance(name, int) and name < len(value):
        return value[name]
    if isinstance(value, dict) and name in value:
        return value[name]
    if is_optional:
        return None
    shown = sorted(value) if isinstance(value, dict) else type(value).__name__
    raise ExpressionError(f"property {name!r} doesn't exist, available properties are {shown}")
