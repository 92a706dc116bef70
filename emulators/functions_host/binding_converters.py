"""The Functions library's own converters: trigger data to what a function takes, results back to data."""

import json
from collections.abc import Mapping
from typing import Any

import azure.functions as func
from azure.functions.meta import Datum

_BINDINGS = func.get_binding_registry()


def json_datum(value: Any) -> Datum:
    """Wrap a value as the JSON that the host sends for everything that is neither text nor bytes."""
    return Datum(json.dumps(value), "json")


def looks_like_json(text: str) -> bool:
    """Say whether the host takes a text for a JSON object or array: by its brackets alone."""
    text = text.strip()
    return (text[:1], text[-1:]) in (("{", "}"), ("[", "]"))


def accepts_input(binding: str, annotation: Any) -> bool:
    """Say whether the binding can produce a parameter of this Python type."""
    if (converter := _BINDINGS.get(binding)) is None:
        return annotation in (str, bytes)
    return bool(converter.check_input_type_annotation(annotation))


def accepts_output(binding: str, annotation: Any) -> bool:
    """Say whether the binding can write a value of this Python type."""
    if (converter := _BINDINGS.get(binding)) is None:
        return annotation in (str, bytes)
    return bool(converter.check_output_type_annotation(annotation))


def decode(binding: str, data: Datum, metadata: Mapping[str, Datum]) -> Any:
    """Make the object that a function takes. Raises TypeError for data that the binding does not support."""
    if (converter := _BINDINGS.get(binding)) is None:
        return data.value
    try:
        return converter.decode(data, trigger_metadata=metadata)
    except NotImplementedError as error:
        raise TypeError(f"{binding} cannot be made from {data.type!r}") from error


def encode(binding: str, value: Any, annotation: Any) -> Datum:
    """Make the data of what a function returns or sets.

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
