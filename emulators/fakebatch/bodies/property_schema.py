"""A small language for the properties a request body may have.

A kind is a callable that takes a JSON value and the name of its property and returns the value as the service
stores it, or raises BatchError. Unknown properties are refused, unless UNKNOWN_PASSES.
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

VERSION: Final = ContextVar("VERSION", default="")
"""The version of the protocol that the current request speaks; the oldest where there is no request."""

UNKNOWN_PASSES: Final = ContextVar("UNKNOWN_PASSES", default=False)
"""Whether properties that do not exist are left out while the current request is read, instead of refused."""

_WITHOUT_LEGACY: Final = "2024-07-01"
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MOST_PLANS: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """A property of a record; `default` is what the service fills in (None: nothing)."""

    kind: Kind
    required: bool = False
    default: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """How to read objects that name the same properties.

    `defaults` has all properties to be stored in their order, `texts` and `others` are those that are given.
    """

    defaults: dict[str, Any]
    texts: tuple[str, ...]
    others: tuple[tuple[str, Kind], ...]


class ObjectSchema:
    """The kind of an object with the given properties, which are stored in this order.

    Bodies are read by the hundred thousand, and most name the same properties: what there is to do for each
    set of names is worked out once.
    """

    def __init__(self, **properties: Property | Kind) -> None:
        self.properties = {
            name: given if isinstance(given, Property) else Property(kind=given)
            for name, given in properties.items()
        }
        self._plans: dict[tuple[str, ...], _Plan] = {}

    def __call__(self, value: Any, name: str = "") -> dict[str, Any]:
        """Return the object as stored: checked, ordered, with the defaults filled in."""
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
        """Return what to do for an object with these names. Raises BatchError where they are wrong."""
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
        """Return only the properties that were given, checked: the body of a PATCH. A null is not given."""
        if not isinstance(value, dict):
            _mistyped(name, "an object")
        self._check_names(value)
        return {
            key: self.properties[key].kind(shown, key)
            for key, shown in value.items()
            if shown is not None and key in self.properties
        }

    def _check_names(self, value: dict[str, Any]) -> None:
        if UNKNOWN_PASSES.get():
            return
        for key in value:
            # Clients that send back what they got send its annotations too.
            if key not in self.properties and not key.startswith("odata."):
                raise _unknown(key)


def _without_nulls(value: dict[str, Any]) -> dict[str, Any]:
    """Return an object without its nulls: a property that is null is as not given."""
    return {key: shown for key, shown in value.items() if shown is not None}


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
        return _normal_duration(string(value, name))
    except ValueError as error:
        raise invalid_property(name, value, "The value is not an ISO 8601 duration.") from error


@lru_cache(maxsize=1024)
def _normal_duration(text: str) -> str:
    return durations.render(durations.parse(text))


def at_least(lowest: str, highest: str | None = None) -> Kind:
    """Accept ISO 8601 durations from `lowest` to `highest`, which are such texts themselves."""
    low, high = durations.parse(lowest), durations.INFINITE if highest is None else durations.parse(highest)

    def kind(value: Any, name: str) -> str:
        stored = duration(value, name)
        if not low <= durations.parse(stored) <= high:
            bounds = f"at least {lowest}" if highest is None else f"between {lowest} and {highest}"
            raise invalid_property(name, value, f"The value must be {bounds}.")
        return stored

    return kind


def moment(value: Any, name: str) -> str:
    """Accept an ISO 8601 time and store it as the service writes it."""
    try:
        return timestamps.to_iso(timestamps.from_iso(string(value, name)))
    except ValueError as error:
        raise invalid_property(name, value, "The value is not an ISO 8601 time.") from error


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


def legacy(kind: Kind) -> Kind:
    """Accept a property that later versions of the protocol do not have."""

    def check(value: Any, name: str) -> Any:
        if VERSION.get() >= _WITHOUT_LEGACY and not UNKNOWN_PASSES.get():
            raise _unknown(name)
        return kind(value, name)

    return check


def _unknown(name: str) -> BatchError:
    return BatchError("InvalidRequestBody", Reason=f"The property '{name}' does not exist here.")


def _mistyped(name: str, expected: str) -> NoReturn:
    raise BatchError("InvalidRequestBody", Reason=f"The value of '{name}' must be {expected}.")
