"""Strict JSON: encoding and decoding of messages. A message that can't be decoded names the wrong field."""

import re
from typing import Any, TypeVar

import msgspec

from batchmgr.errors import InvalidJobError
from batchmgr.plan.problems import first_problems, raise_problems
from batchmgr.wire.type_problems import type_problems

T = TypeVar("T")

PREPARED: set[Any] = set()
"""All types that `prepare` was called with."""

_PATH = re.compile(r"^(?P<reason>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_FIELD = re.compile(r"^Object (?:contains unknown|missing required) field `(?P<name>.*)`$", re.DOTALL)


def prepare(*types: Any) -> None:
    """Have msgspec build what it needs to decode these types. Call it at import, for each decoded type.

    msgspec builds this at the first use of a type, and two threads that do so at once can crash the process.
    Modules are imported in one thread.
    """
    for type_ in types:
        msgspec.json.Decoder(type_)
        PREPARED.add(type_)


def encode(message: msgspec.Struct) -> bytes:
    """Return the JSON of a message, as it is stored and sent."""
    return msgspec.json.encode(message)


def decode(body: bytes, type_: type[T]) -> T:
    """Return the value that a JSON text describes.

    Raise InvalidJobError for unknown fields, missing fields and wrong types: for all of them, up to twenty.
    It names the field as a path such as `tasks[0].id`.
    """
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.ValidationError as error:
        raise_problems(_all_problems(body, type_))
        raise _invalid_job(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidJobError(f"not valid JSON: {error}") from error


def decode_object(body: bytes) -> dict[str, object] | None:
    """Return the JSON object that a text holds, whatever its fields are; None if it holds something else."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _all_problems(body: bytes, type_: Any) -> list[InvalidJobError]:
    """Return what is wrong with a JSON text that msgspec has refused, if it is JSON at all."""
    try:
        return first_problems(type_problems(msgspec.json.decode(body), type_))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []


def _invalid_job(error: str) -> InvalidJobError:
    """Return the error for the text of a msgspec.ValidationError, which ends with the path of the field."""
    match = _PATH.match(error)
    reason, path = (match["reason"], match["path"] or "") if match else (error, "")
    path = path.removeprefix(".")
    named = _FIELD.match(reason)
    if named is None:
        return InvalidJobError(reason[0].lower() + reason[1:], field=path)
    field = f"{path}.{named['name']}" if path else named["name"]
    return InvalidJobError("unknown field" if "unknown" in reason else "required, but missing", field=field)
