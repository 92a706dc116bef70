"""Reads what `batchmgr simulate -o json` has printed."""

from __future__ import annotations

from pathlib import Path

import msgspec

from batchmgr.cli.simulate.result_types import KIND, VERSION, ComparisonAnswer
from batchmgr.errors import SimulationError
from batchmgr.wire.json_codec import prepare


class _Head(msgspec.Struct):
    kind: str = ""
    version: int = 0


prepare(_Head, ComparisonAnswer)


def read_result(file: Path) -> ComparisonAnswer:
    """Return the simulation in a file. Raise SimulationError, in a sentence, for any other file."""
    try:
        text = file.read_bytes()
    except OSError as error:
        raise SimulationError(f"{error.filename}: {error.strerror}.") from error
    try:
        head = msgspec.json.decode(text, type=_Head)
    except (msgspec.DecodeError, UnicodeDecodeError):
        head = _Head()
    if head.kind != KIND:
        raise SimulationError(f"{file} is not a simulation: `batchmgr simulate … -o json` writes one.")
    if head.version != VERSION:
        raise SimulationError(
            f"{file} is a simulation of version {head.version}, and this batchmgr reads version {VERSION}: "
            "simulate again."
        )
    try:
        return msgspec.json.decode(text, type=ComparisonAnswer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SimulationError(f"{file} is a damaged simulation: {error}") from error
