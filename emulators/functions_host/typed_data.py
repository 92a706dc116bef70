"""Typed data: what host and worker exchange about one parameter, a value and the name of its type.

The types are those of Microsoft's protocol between host and worker: `string`, `json`, `bytes` and `http`. The
value of `http` data is a dict of typed data. The host does not load the Functions library: only the worker
does, and converts.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TypedData:
    """A value and its type."""

    value: Any
    type: str | None


Outputs = Mapping[str, TypedData]
"""The outputs of a function by parameter name. The return value is named `$return`."""


def json_data(value: Any) -> TypedData:
    """Return a value as JSON data. The host sends everything as JSON that is neither text nor bytes."""
    return TypedData(json.dumps(value), "json")


def looks_like_json(text: str) -> bool:
    """Return whether the host treats a text as JSON. It looks only at the outer brackets."""
    text = text.strip()
    return (text[:1], text[-1:]) in (("{", "}"), ("[", "]"))
