"""Converts trigger data to arguments, and results to data, with the Functions library's converters."""

from collections.abc import Mapping
from http.cookies import BaseCookie
from typing import Any

import azure.functions as func
from azure.functions.meta import Datum

from functions_host.typed_data import TypedData

_BINDINGS = func.get_binding_registry()


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


def decode(binding: str, data: TypedData, metadata: Mapping[str, TypedData]) -> Any:
    """Return the argument for a function. Raises TypeError for data that the binding does not support."""
    if (converter := _BINDINGS.get(binding)) is None:
        return data.value
    try:
        return converter.decode(
            _to_library(data), trigger_metadata={name: _to_library(one) for name, one in metadata.items()}
        )
    except NotImplementedError as error:
        raise TypeError(
            f"a binding of type {binding!r} does not accept data of type {data.type!r}"
        ) from error


def encode(binding: str, value: Any, annotation: Any) -> TypedData:
    """Return the data for a value that a function returned or set.

    Raises TypeError for a type that the binding does not support, such as None or a dict over HTTP.
    """
    if (converter := _BINDINGS.get(binding)) is None:
        if isinstance(value, str):
            return TypedData(value, "string")
        if isinstance(value, bytes | bytearray):
            return TypedData(bytes(value), "bytes")
        raise TypeError(f"unsupported type {type(value).__name__!r} for an output of text or bytes")
    try:
        return _from_library(converter.encode(value, expected_type=annotation))
    except NotImplementedError as error:
        raise TypeError(
            f"unsupported type {type(value).__name__!r} for an output of type {binding!r}"
        ) from error


def _to_library(data: TypedData) -> Datum:
    if data.type != "http":
        return Datum(data.value, data.type)
    return Datum({name: _in_library(one) for name, one in data.value.items()}, data.type)


def _in_library(value: Any) -> Any:
    if isinstance(value, TypedData):
        return _to_library(value)
    return {name: _to_library(one) for name, one in value.items()}


def _from_library(datum: Datum) -> TypedData:
    return TypedData(_out_of_library(datum.value), datum.type)


def _out_of_library(value: Any) -> Any:
    if isinstance(value, Datum):
        return _from_library(value)
    if isinstance(value, dict) and not isinstance(value, BaseCookie):
        return {name: _out_of_library(one) for name, one in value.items()}
    return value
