"""The command-line arguments that describe a job: `--inputs`, `--job-id` and `--pool`."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from batchmgr.errors import InvalidJobError


def add_job_arguments(parser: ArgumentParser) -> None:
    """Add the arguments to the parser of a command."""
    parser.add_argument(
        "--inputs", metavar="JSON", default="{}", help="the job's inputs: a JSON object, or @FILE to read one"
    )
    parser.add_argument("--job-id", metavar="ID", default="", help="the job's id; the default is a new id")
    parser.add_argument(
        "--pool", metavar="ID", default="", help="the pool's id; the default is batchmgr's default pool"
    )


def read_inputs(text: str) -> dict[str, Any]:
    """Return the inputs in the value of `--inputs`: a JSON object, or `@FILE` for a file that holds one.

    Raises `InvalidJobError` if the file cannot be read or there is no JSON object.
    """
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
