"""Trigger data: what a trigger passes to an invocation."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from azure.functions.meta import Datum

from functions_host.binding_converters import json_datum, looks_like_json


@dataclass(frozen=True, kw_only=True)
class TriggerData:
    """The value that a function is triggered with, and the trigger metadata."""

    value: Datum
    metadata: Mapping[str, Datum] = field(default_factory=dict)
    """Trigger metadata by name, such as `DequeueCount`."""
    trace_parent: str | None = None
    """The caller's W3C trace context, if it sent one."""

    @property
    def binding_data(self) -> dict[str, str]:
        """The metadata as text: the values of `{name}` expressions in output bindings."""
        return {name: _text(datum) for name, datum in self.metadata.items()}


def with_json_properties(body: str, metadata: Mapping[str, Datum]) -> dict[str, Datum]:
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
        datum = json_datum(value) if isinstance(value, dict) else Datum(str(value), "string")
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


def _text(datum: Datum) -> str:
    if datum.type != "json":
        return str(datum.value)
    value = json.loads(datum.value)
    return value if isinstance(value, str) else str(datum.value)
