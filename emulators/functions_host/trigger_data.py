"""Trigger data: what a trigger passes to an invocation, and the request for one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from functions_host.typed_data import TypedData, json_data, looks_like_json


@dataclass(frozen=True, kw_only=True)
class TriggerData:
    """The value that a function is triggered with, and the trigger metadata."""

    value: TypedData
    metadata: Mapping[str, TypedData] = field(default_factory=dict)
    """Trigger metadata by name, such as `DequeueCount`."""
    trace_parent: str | None = None
    """The caller's W3C trace context, if it sent one."""

    @property
    def binding_data(self) -> dict[str, str]:
        """The metadata as text: the values of `{name}` expressions in output bindings."""
        return {name: _text(datum) for name, datum in self.metadata.items()}


@dataclass(frozen=True, kw_only=True)
class InvocationRequest:
    """One invocation of a function."""

    function_name: str
    trigger: TriggerData
    invocation_id: str = field(default_factory=lambda: str(uuid4()))


def with_json_properties(body: str, metadata: Mapping[str, TypedData]) -> dict[str, TypedData]:
    """Return the trigger metadata with the top-level properties of a JSON body added.

    A property replaces metadata of the same name, whatever the case: a body with a property `id` hides the id
    of the message. The real host does the same. Arrays and nulls are left out, objects stay JSON, and other
    values become text.
    """
    merged = dict(metadata)
    names = {name.lower(): name for name in merged}
    for name, value in _json_object(body).items():
        if value is None or isinstance(value, list):
            continue
        datum = json_data(value) if isinstance(value, dict) else TypedData(str(value), "string")
        merged[names.setdefault(name.lower(), name)] = datum
    return merged


def _json_object(body: str) -> dict[str, Any]:
    if not looks_like_json(body):
        return {}
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _text(datum: TypedData) -> str:
    if datum.type != "json":
        return str(datum.value)
    value = json.loads(datum.value)
    return value if isinstance(value, str) else str(datum.value)
