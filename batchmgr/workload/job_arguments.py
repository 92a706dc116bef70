"""The inputs of a job, as they are given on a command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from batchmgr.errors import InvalidJobError


def read_inputs(text: str) -> dict[str, Any]:
    """The inputs in a JSON object, or in the file that `@FILE` names. Raises `InvalidJobError`."""
    prefix = ""
    if text.startswith("@"):
        source = text[1:]
        prefix = f"{source} "
        try:
            text = Path(source).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InvalidJobError(f"{source} cannot be read: {reason}", field="--inputs") from error
    try:
        inputs = json.loads(text)
    except ValueError as error:
        raise InvalidJobError(f"{prefix}must be JSON: {error}", field="--inputs") from error
    if not isinstance(inputs, dict):
        raise InvalidJobError(
            f'{prefix}must be a JSON object such as {{"k": 6}}, not {type(inputs).__name__}',
            field="--inputs",
        )
    return inputs
