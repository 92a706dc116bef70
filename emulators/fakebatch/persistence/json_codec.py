"""Convert values of the model to JSON, and back."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from types import UnionType
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


_PLAIN: Final = (str, int, bool, type(None))


def encode(value: Any, without: str = "") -> Any:
    """Return a value as JSON. Fields of dataclasses that have their default are left out.

    The field named `without` is left out too.
    """
    if type(value) in _PLAIN:
        return value
    if is_dataclass(value) and not isinstance(value, type):
        shown = [(name, getattr(value, name), default) for name, default in _defaults(type(value))]
        return {name: encode(field) for name, field, default in shown if name != without and field != default}
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


@lru_cache(maxsize=64)
def _defaults(kind: type) -> list[tuple[str, Any]]:
    return [(field.name, field.default) for field in fields(kind)]


def decode(kind: type[T], value: Any) -> T:
    """Return the dataclass that was encoded. Raises TypeError if the value has unknown fields."""
    decoded: T = _decode(kind, value)
    return decoded


def _decode(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if is_dataclass(kind) and isinstance(kind, type):
        hints = _hints(kind)
        return kind(**{name: _decode(hints.get(name), field) for name, field in value.items()})
    if get_origin(kind) in (Union, UnionType):
        # None was handled above. No field has a union of two other types.
        return _decode(next(arm for arm in get_args(kind) if arm is not type(None)), value)
    if get_origin(kind) is tuple:
        first, *others = get_args(kind)
        kinds = [first] * len(value) if others == [Ellipsis] else [first, *others]
        return tuple(_decode(item_kind, item) for item_kind, item in zip(kinds, value, strict=True))
    return value


@lru_cache(maxsize=64)
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
