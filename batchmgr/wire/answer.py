"""What all answers of the HTTP API have in common. The types of answers list what is shown.

Each field is listed by its name there. So a new field of a record, or of a part of it, is private until it is
added to one of these types, and to `docs/http-api.md`. `GET /openapi.json` is made of them.
"""

from typing import Any, TypeVar, overload

import msgspec

Json = dict[str, Any]
T = TypeVar("T", bound=msgspec.Struct)


class Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The base of all answers and their parts: a field without a value is left out."""


def listed(type_: type[msgspec.Struct], name: str) -> type[msgspec.Struct]:
    """Return the type of an item of a list: each field may have been left out by `select`."""
    fields = [
        (field.name, field.type | msgspec.UnsetType, msgspec.UNSET) for field in msgspec.structs.fields(type_)
    ]
    what = type_.__name__.removesuffix("Answer").lower()
    doc = {"__doc__": f"A {what} of a list, with the fields that were selected."}
    return msgspec.defstruct(name, fields, frozen=True, kw_only=True, rename="camel", namespace=doc)


@overload
def shown(value: msgspec.Struct, type_: type[T]) -> T: ...
@overload
def shown(value: None, type_: type[T]) -> None: ...
def shown(value: msgspec.Struct | None, type_: type[T]) -> T | None:
    """Return what is shown of a part of a record: the fields that the type lists."""
    return None if value is None else msgspec.convert(value, type_, from_attributes=True)


def as_json(value: msgspec.Struct) -> Json:
    """Return an answer as a JSON object."""
    json: Json = msgspec.to_builtins(value)
    return json
