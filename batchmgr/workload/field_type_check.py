"""Checks that the fields of a specification have their declared types, for authors without a type checker."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

from batchmgr.errors import InvalidJobError

_PLAIN: dict[str, Any] = {
    "Any": object,
    "None": type(None),
    "bool": bool,
    "dict": dict,
    "int": int,
    "list": (list, tuple),
    "str": str,
    "timedelta": timedelta,
    "tuple": (list, tuple),
}
_SCALARS: dict[str, type] = {"bool": bool, "int": int, "str": str}
_EMPTY: dict[str, Any] = {"dict": dict, "list": list, "tuple": tuple}
_CHECKED_BY_THEMSELVES = "TaskSpecification"
_LONGEST = 60


@lru_cache(maxsize=None)
def camel(name: str) -> str:
    """Return a field's name as it is in a job message: `command_line` becomes `commandLine`."""
    first, *others = name.split("_")
    return first + "".join(word.title() for word in others)


def check_field_types(specification: object, field: str) -> None:
    """Raise `InvalidJobError` for the first field, at any depth, whose value has another type."""
    for name, default, annotation in _declared(type(specification)):
        given = getattr(specification, name)
        # Most fields have their default or hold nothing, and a job may have many tasks.
        if given is not default and (given or type(given) is not _EMPTY.get(annotation.partition("[")[0])):
            _check(given, annotation, f"{field}.{camel(name)}" if field else camel(name))


_declarations: dict[type, tuple[tuple[str, object, str], ...]] = {}


def _declared(owner: type) -> tuple[tuple[str, object, str], ...]:
    """Return name, default and annotation, as text, of each field of a dataclass."""
    if owner not in _declarations:
        _declarations[owner] = tuple((item.name, item.default, str(item.type)) for item in fields(owner))
    return _declarations[owner]


@lru_cache(maxsize=None)
def _kinds(annotation: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the types that an annotation allows: their names, each with the annotations of its items."""
    parts = (kind.partition("[") for kind in annotation.split(" | "))
    return tuple((name, tuple(content.rstrip("]").split(", "))) for name, _, content in parts)


def _check(given: object, annotation: str, field: str) -> None:
    if type(given) is _SCALARS.get(annotation):
        return
    kind = next((kind for kind in _kinds(annotation) if _is_a(given, kind[0])), None)
    if kind is None:
        raise InvalidJobError(_complaint(given, annotation), field=field)
    name, content = kind
    if isinstance(given, str):
        return
    if isinstance(given, dict):
        for key, item in given.items():
            _check(key, content[0], field)
            if content[1] != "Any" and type(item) is not _SCALARS.get(content[1]):
                _check(item, content[1], f"{field}.{key}")
    elif isinstance(given, (list, tuple)):
        for index, item in enumerate(given):
            _check(item, content[0], f"{field}[{index}]")
    elif is_dataclass(given) and name != _CHECKED_BY_THEMSELVES:
        check_field_types(given, field)


def _is_a(given: object, name: str) -> bool:
    if name in _PLAIN:
        return isinstance(given, _PLAIN[name])
    return any(base.__name__ == name for base in type(given).__mro__)


def _complaint(given: object, annotation: str) -> str:
    wanted = " or ".join(kind for kind in annotation.split(" | ") if kind != "None")
    shown = repr(given)
    shown = shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"
    return f"must be of type {wanted}, not {type(given).__name__}: {shown}"
