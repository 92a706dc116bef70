"""The JSON schema of what is printed."""

from collections.abc import Collection
from typing import Any

import msgspec


def schema_of(kind: Any, *, optional: Collection[str] = ()) -> dict[str, Any]:
    """The schema of a type, in which no other fields are allowed, and all are there but the optional ones."""
    schema = msgspec.json.schema(kind)
    for part in schema.get("$defs", {}).values():
        if "properties" in part:
            part["additionalProperties"] = False
            part["required"] = [name for name in part["properties"] if name not in optional]
    return schema
