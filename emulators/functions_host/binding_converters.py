"""Converts trigger data to arguments, and results to data, with the Functions library's converters."""

import json
from collections.abc import Mapping
from typing import Any

import azure.functions as func
from azure.functions.meta import Datum

_BINDINGS = func.get_binding_registry()


def json_datum(value: Any) -> Datum:
    """Return a value as JSON data. The host sends everything as JSON that is neither text nor bytes."""
    return Datum(json.dumps(value), "json")


def looks_like_json(text: str) -> bool:
    """Return whether the host treats a text as JSON. It looks only at the outer brackets."""
    text = text.strip()
    return (text[:1], text[-1:]) in (("{", "}"), ("[", "]"))


def accepts_input(binding: str, annotation: Any) -> bool:
    """Return whether a binding of this type can be bound to a parameter of this Python type."""
    if (converter := _BINDINGS.get(binding)) is None:
        return annotation in (str, bytes)
    return bool(converter.check_input_type_annotation(annotation))


def accepts_output(binding: str, annotation: Any) -> bool:
    """Return whether a binding of this type can write a value of this Python type."""
    if (converter := _BINDINGS.get(binding)) is None:
        return annotation in (str, bytes)
    return bool(converter.check_output_type_annotation(annotation))


def decode(binding: str, data: Datum, metadata: Mapping[str, Datum]) -> Any:
    """Return the argument for a function. Raises TypeError for data that the binding does not support."""
    if (converter := _BINDINGS.get(binding)) is None:
        return data.value
    try:
        return converter.decode(data, trigger_metadata=metadata)
    except NotImplementedError as error:
        raise TypeError(
            f"a binding of type {binding!r} does not accept data of type {data.type!r}"
        ) from error


def encode(binding: str, value: Any, annotation: Any) -> Datum:
    """Return the data for a value that a function returned or set.

    Raises TypeError for a type that the binding does not support, such as None or a dict over HTTP.
    """
    if (converter := _BINDINGS.get(binding)) is None:
        if isinstance(value, str):
            return Datum(value, "string")
        if isinstance(value, bytes | bytearray):
            return Datum(bytes(value), "bytes")
        raise TypeError(f"unsupported type {type(value).__name__!r} for an output of text or bytes")
    try:
        datum: Datum = converter.encode(value, expected_type=annotation)
    except NotImplementedError as error:
        raise TypeError(
            f"unsupported type {type(value).__name__!r} for an output of type {binding!r}"
        ) from error
    return datum
