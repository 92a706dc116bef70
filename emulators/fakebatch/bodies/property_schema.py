"""A small language that describes the properties of request bodies.

A kind describes the values of a property. It is a callable that takes a JSON value and the name of the
property. It returns the value as the service stores it, or raises BatchError. Unknown properties are refused,
unless IGNORE_UNKNOWN_PROPERTIES is set.
"""

import re
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NoReturn, TypeAlias

from fakebatch.errors import BatchError, invalid_property
from fakebatch.wire import durations, timestamps

Kind: TypeAlias = Callable[[Any, str], Any]

API_VERSION: Final = ContextVar("API_VERSION", default="")
"""The API version of the current request. Without a request, it counts as older than all versions."""

IGNORE_UNKNOWN_PROPERTIES: Final = ContextVar("IGNORE_UNKNOWN_PROPERTIES", default=False)
"""Whether unknown properties of the current request are ignored instead of refused."""

_WITHOUT_LEGACY: Final = "2024-07-01"
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MOST_PLANS: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """A property of an object. If it is missing, the service fills in `default`, unless that is None."""

    kind: Kind
    required: bool = False
    default: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """How to read objects that have the same property names.

    `defaults` holds all properties to store, in order. `texts` and `others` are the properties that the
    objects have: those of the kind `string`, and the rest.
    """

    defaults: dict[str, Any]
    texts: tuple[str, ...]
    others: tuple[tuple[str, Kind], ...]


class ObjectSchema:
    """The kind of an object with the given properties. They are stored in this order.

    Most of the many thousand bodies have the same property names. So the plan for reading a set of names is
    made once and kept.
    """

    def __init__(self, **properties: Property | Kind) -> None:
        self.properties = {
            name: given if isinstance(given, Property) else Property(kind=given)
            for name, given in properties.items()
        }
        self._plans: dict[tuple[str, ...], _Plan] = {}

    def __call__(self, value: Any, name: str = "") -> dict[str, Any]:
        """Return the object as it is stored: checked, in order, with the defaults filled in."""
        if not isinstance(value, dict):
            _mistyped(name, "an object")
        plan = self._plans.get(tuple(value))
        if plan is None:
            plan = self._planned(value)
        stored = plan.defaults.copy()
        for key in plan.texts:
            shown = value[key]
            if type(shown) is not str:
                if shown is not None:
                    _mistyped(key, "a string")
                return self(_without_nulls(value), name)
            stored[key] = shown
        for key, kind in plan.others:
            shown = value[key]
            if shown is None:
                return self(_without_nulls(value), name)
            stored[key] = kind(shown, key)
        return stored

    def _planned(self, value: dict[str, Any]) -> "_Plan":
        """Return the plan for an object with these property names.

        Raises BatchError if the names are wrong.
        """
        self._check_names(value)
        defaults: dict[str, Any] = {}
        for key, rule in self.properties.items():
            if key in value:
                defaults[key] = None
            elif rule.required:
                raise BatchError("MissingRequiredProperty", PropertyName=key)
            elif rule.default is not None:
                defaults[key] = rule.default
        given = [(key, rule.kind) for key, rule in self.properties.items() if key in value]
        plan = _Plan(
            defaults=defaults,
            texts=tuple(key for key, kind in given if kind is string),
            others=tuple((key, kind) for key, kind in given if kind is not string),
        )
        if len(self._plans) < _MOST_PLANS and value.keys() <= self.properties.keys():
            self._plans[tuple(value)] = plan
        return plan

    def changes(self, value: Any, name: str = "") -> dict[str, Any]:
        """Return only the given properties, checked, as for the body of a PATCH.

        A null counts as not given.
        """
        if not isinstance(value, dict):
            _mistyped(name, "an object")
        self._check_names(value)
        return {
            key: self.properties[key].kind(shown, key)
            for key, shown in value.items()
            if shown is not None and key in self.properties
        }

    def _check_names(self, value: dict[str, Any]) -> None:
        if IGNORE_UNKNOWN_PROPERTIES.get():
            return
        for key in value:
            # Clients that send back a response body also send its OData annotations.
            if key not in self.properties and not key.startswith("odata."):
                raise _unknown(key)


def _without_nulls(value: dict[str, Any]) -> dict[str, Any]:
    """Return an object without its nulls. A null counts as a property that was not given."""
    return {key: shown for key, shown in value.items() if shown is not None}


def required(kind: Kind) -> Property:
    """Return a required property."""
    return Property(kind=kind, required=True)


def optional(kind: Kind, default: Any) -> Property:
    """Return a property with a default. The default is written as a client would send it."""
    return Property(kind=kind, default=kind(default, ""))


def string(value: Any, name: str) -> str:
    """Accept any string."""
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
    """Accept an ISO 8601 duration. It is stored as .NET writes it."""
    try:
        return _normal_duration(string(value, name))
    except ValueError as error:
        raise invalid_property(name, value, "The value is not an ISO 8601 duration.") from error


@lru_cache(maxsize=1024)
def _normal_duration(text: str) -> str:
    return durations.render(durations.parse(text))


def at_least(lowest: str, highest: str | None = None) -> Kind:
    """Accept ISO 8601 durations from `lowest` to `highest`, which are ISO 8601 durations too."""
    low, high = durations.parse(lowest), durations.INFINITE if highest is None else durations.parse(highest)

    def kind(value: Any, name: str) -> str:
        stored = duration(value, name)
        if not low <= durations.parse(stored) <= high:
            bounds = f"at least {lowest}" if highest is None else f"between {lowest} and {highest}"
            raise invalid_property(name, value, f"The value must be {bounds}.")
        return stored

    return kind


def moment(value: Any, name: str) -> str:
    """Accept an ISO 8601 time. It is stored as Azure Batch writes it."""
    try:
        return timestamps.to_iso(timestamps.from_iso(string(value, name)))
    except ValueError as error:
        raise invalid_property(name, value, "The value is not an ISO 8601 time.") from error


def choice(*names: str) -> Kind:
    """Accept one of the names in any case. It is stored as written here."""
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
    """Accept any object without a check, such as settings for machines that the fake Batch does not have."""
    if not isinstance(value, dict):
        _mistyped(name, "an object")
    return value


def legacy(kind: Kind) -> Kind:
    """Accept a property that later API versions do not have."""

    def check(value: Any, name: str) -> Any:
        if API_VERSION.get() >= _WITHOUT_LEGACY and not IGNORE_UNKNOWN_PROPERTIES.get():
            raise _unknown(name)
        return kind(value, name)

    return check


def _unknown(name: str) -> BatchError:
    return BatchError("InvalidRequestBody", Reason=f"The property '{name}' does not exist on this object.")


def _mistyped(name: str, expected: str) -> NoReturn:
    raise BatchError("InvalidRequestBody", Reason=f"The value of '{name}' must be {expected}.")
