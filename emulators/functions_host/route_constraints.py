"""The constraints of route parameters, such as `int` in `{id:int}`: ASP.NET Core's list.

Source: https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-constraints
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import partial

from functions_host.errors import RouteTemplateError

Constraint = Callable[[str], bool]
"""Returns whether a constraint accepts the text of a route value."""

_INTEGER = re.compile(r"\s*[+-]?\d+\s*", re.ASCII)
_NUMBER = re.compile(r"\s*[+-]?(?:\d[\d,]*\.?\d*|\.\d+)(?P<exponent>e[+-]?\d+)?\s*", re.ASCII | re.IGNORECASE)
_GUID = re.compile(
    r"\s*(?:[0-9a-f]{32}|(?P<open>[{(]?)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?P<close>[})]?))\s*",
    re.IGNORECASE | re.ASCII,
)
_LETTERS = re.compile(r"[a-z]*", re.IGNORECASE | re.ASCII)
_WITH_ARGUMENTS = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)\)", re.DOTALL)
_DATE_FORMATS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%m/%d/%Y",
    "%m-%d-%Y",
    "%d %b %Y",
    "%b %d %Y",
    "%Y-%m-%d %H:%M",
    "%m/%d/%Y %H:%M",
    "%H:%M",
)


def parse_constraint(text: str) -> Constraint:
    """Return the constraint with this text. Raises RouteTemplateError if there is none."""
    if text in _CONSTRAINTS:
        return _CONSTRAINTS[text]
    match = _WITH_ARGUMENTS.fullmatch(text)
    if match is not None and match["name"] in _CONSTRAINTS_WITH_ARGUMENTS:
        try:
            return _CONSTRAINTS_WITH_ARGUMENTS[match["name"]](match["arguments"])
        except (ValueError, re.error) as error:
            raise RouteTemplateError(f"the route constraint '{text}' is invalid: {error}") from error
    raise RouteTemplateError(f"the route constraint '{text}' is unknown")


def _is_integer(bits: int, text: str) -> bool:
    return bool(_INTEGER.fullmatch(text)) and -(2 ** (bits - 1)) <= int(text) < 2 ** (bits - 1)


def _is_number(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text)) or text.strip().lower() in ("nan", "infinity", "-infinity")


def _is_decimal(text: str) -> bool:
    match = _NUMBER.fullmatch(text)
    if match is None or match["exponent"]:
        return False
    try:
        return abs(Decimal(text.strip().replace(",", ""))) < 2**96
    except InvalidOperation:
        return False


def _is_guid(text: str) -> bool:
    match = _GUID.fullmatch(text)
    return match is not None and (match["open"] or "", match["close"] or "") in (
        ("", ""),
        ("{", "}"),
        ("(", ")"),
    )


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text.strip())
    except ValueError:
        return any(_has_format(text.strip(), form) for form in _DATE_FORMATS)
    return True


def _has_format(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)
    except ValueError:
        return False
    return True


def _is_file(text: str) -> bool:
    """Return whether the last segment has a period that is not its last letter."""
    return "." in text.rpartition("/")[2][:-1]


def _length(arguments: str) -> Constraint:
    numbers = [int(number) for number in arguments.split(",")]
    if len(numbers) > 2:
        raise ValueError("too many arguments")
    return lambda text: numbers[0] <= len(text) <= numbers[-1]


def _range(arguments: str) -> Constraint:
    low, high = (int(number) for number in arguments.split(","))
    return lambda text: _is_integer(64, text) and low <= int(text) <= high


def _at_least(arguments: str) -> Constraint:
    low = int(arguments)
    return lambda text: _is_integer(64, text) and int(text) >= low


def _at_most(arguments: str) -> Constraint:
    high = int(arguments)
    return lambda text: _is_integer(64, text) and int(text) <= high


def _min_length(arguments: str) -> Constraint:
    low = int(arguments)
    return lambda text: len(text) >= low


def _max_length(arguments: str) -> Constraint:
    high = int(arguments)
    return lambda text: len(text) <= high


def _regex(arguments: str) -> Constraint:
    pattern = re.compile(arguments, re.IGNORECASE)
    return lambda text: pattern.search(text) is not None


_CONSTRAINTS: Mapping[str, Constraint] = {
    "int": partial(_is_integer, 32),
    "long": partial(_is_integer, 64),
    "bool": lambda text: text.strip().lower() in ("true", "false"),
    "alpha": lambda text: _LETTERS.fullmatch(text) is not None,
    "guid": _is_guid,
    "decimal": _is_decimal,
    "double": _is_number,
    "float": _is_number,
    "datetime": _is_date,
    "required": bool,
    "file": _is_file,
    "nonfile": lambda text: not _is_file(text),
}
_CONSTRAINTS_WITH_ARGUMENTS: Mapping[str, Callable[[str], Constraint]] = {
    "min": _at_least,
    "max": _at_most,
    "range": _range,
    "length": _length,
    "minlength": _min_length,
    "maxlength": _max_length,
    "regex": _regex,
}
