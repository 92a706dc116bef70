"""A small language for the properties a request body may have.

A kind is a callable that takes a JSON value and the name of its property and returns the value as the service
stores it, or raises BatchError. Unknown properties are refused.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NoReturn, TypeAlias

from batchmgr.local.fakebatch.wire import durations
from batchmgr.local.fakebatch.wire.errors import BatchError, invalid_property

Kind: TypeAlias = Callable[[Any, str], Any]

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """A property of a record; `default` is what the service fills in (None: nothing)."""

    kind: Kind
    required: bool = False
    default: Any = None


class Record:
    """The kind of an object with the given properties, which are stored in this order."""

    def __init__(self, **properties: Property | Kind) -> None:
        self.properties = {
            name: given if isinstance(given, Property) else Property(kind=given)
            for name, given in properties.items()
        }

    def __call__(self, value: Any, name: str = "") -> dict[str, Any]:
        """Return the object as stored: checked, ordered, with the defaults filled in."""
        given = self.changes(value, name)
        stored: dict[str, Any] = {}
        for key, rule in self.properties.items():
            if key in given:
                stored[key] = given[key]
            elif rule.required:
                raise BatchError("MissingRequiredProperty", PropertyName=key)
            elif rule.default is not None:
                stored[key] = rule.default
        return stored

    def changes(self, value: Any, name: str = "") -> dict[str, Any]:
        """Return only the properties that were given, checked: the body of a PATCH. A null is not given."""
        if not isinstance(value, dict):
            _mistyped(name, "an object")
        for key in value:
            if key not in self.properties:
                raise BatchError("InvalidRequestBody", Reason=f"The property '{key}' does not exist here.")
        return {
            key: self.properties[key].kind(shown, key) for key, shown in value.items() if shown is not None
        }


def required(kind: Kind) -> Property:
    """Return a property that must be given."""
    return Property(kind=kind, required=True)


def optional(kind: Kind, default: Any) -> Property:
    """Return a property the service fills in; the default is given as a client would send it."""
    return Property(kind=kind, default=kind(default, ""))


def string(value: Any, name: str) -> str:
    """Accept any text."""
    if not isinstance(value, str):
        _mistyped(name, "a string")
    return value


def identifier(value: Any, name: str) -> str:
    """Accept the id of a resource: 1 to 64 letters, digits, hyphens and underscores."""
    if _ID.fullmatch(string(value, name)) is None:
        raise invalid_property(
            name, value, "An id has 1 to 64 characters out of letters, digits, hyphens and underscores."
        )
    return str(value)


def boolean(value: Any, name: str) -> bool:
    """Accept true and false."""
    if not isinstance(value, bool):
        _mistyped(name, "a boolean")
    return value


def integer(low: int, high: int = 2**31 - 1) -> Kind:
    """Accept whole numbers from `low` to `high`."""

    def kind(value: Any, name: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            _mistyped(name, "an integer")
        if not low <= value <= high:
            raise invalid_property(name, value, f"The value must be between {low} and {high}.")
        return value

    return kind


def duration(value: Any, name: str) -> str:
    """Accept an ISO 8601 duration and store it as .NET writes it."""
    try:
        return durations.render(durations.parse(string(value, name)))
    except ValueError as error:
        raise invalid_property(name, value, "The value is not an ISO 8601 duration.") from error


def choice(*names: str) -> Kind:
    """Accept one of the names in any case, and store it as given here."""
    by_lower = {name.lower(): name for name in names}

    def kind(value: Any, name: str) -> str:
        found = by_lower.get(string(value, name).lower())
        if found is None:
            raise invalid_property(name, value, f"The value must be one of {', '.join(names)}.")
        return found

    return kind


def list_of(item: Kind) -> Kind:
    """Accept an array of values of one kind."""

    def kind(value: Any, name: str) -> list[Any]:
        if not isinstance(value, list):
            _mistyped(name, "an array")
        return [item(member, name) for member in value]

    return kind


def opaque(value: Any, name: str) -> dict[str, Any]:
    """Accept any object: what the service hands to machines the local one does not have."""
    if not isinstance(value, dict):
        _mistyped(name, "an object")
    return value


def unavailable(value: Any, name: str) -> list[Any]:
    """Refuse a property whose effect the local service cannot give, instead of ignoring it.

    An empty list asks for nothing and is accepted.
    """
    if value == []:
        return []
    raise invalid_property(name, value, "The local Batch service does not provide this.")


def _mistyped(name: str, expected: str) -> NoReturn:
    raise BatchError("InvalidRequestBody", Reason=f"The value of '{name}' must be {expected}.")
