"""What a trigger hands to an invocation."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from azure.functions.meta import Datum

from functions_host.binding_converters import json_datum, looks_like_json


@dataclass(frozen=True, kw_only=True)
class TriggerInput:
    """The data of a trigger and what the host knows about it."""

    data: Datum
    metadata: Mapping[str, Datum] = field(default_factory=dict)
    """By name, such as `DequeueCount`; also the values of `{name}` in output bindings."""
    trace_parent: str | None = None
    """The caller's W3C trace context, if it sent one."""

    @property
    def parameters(self) -> dict[str, str]:
        """The metadata as text, for binding expressions."""
        return {name: _text(datum) for name, datum in self.metadata.items()}


def with_json_properties(body: str, metadata: Mapping[str, Datum]) -> dict[str, Datum]:
    """Lay the top-level properties of a JSON body over trigger metadata.

    This is the host's own behaviour and a trap: a body with a property `id` hides the message's id, whatever
    the case. Arrays and nulls are left out; objects stay JSON, everything else becomes text.
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
