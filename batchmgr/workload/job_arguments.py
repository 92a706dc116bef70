"""The inputs of a job, as they are given on a command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from batchmgr.errors import InvalidJobError


def read_inputs(text: str) -> dict[str, Any]:
    """The inputs in a JSON object, or in the file that `@FILE` names. Raises `InvalidJobError`."""
    source = "--inputs"
    if text.startswith("@"):
        source = text[1:]
        try:
            text = Path(source).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidJobError(f"{source} cannot be read: {error}", field="--inputs") from error
    try:
        inputs = json.loads(text)
    except ValueError as error:
        raise InvalidJobError(f"{source} is not JSON: {error}", field="--inputs") from error
    if not isinstance(inputs, dict):
        raise InvalidJobError(
            f'{source} must be a JSON object such as {{"k": 6}}, not {type(inputs).__name__}',
            field="--inputs",
        )
    return inputs
