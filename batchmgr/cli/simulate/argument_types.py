"""What may be said in the arguments of `batchmgr simulate`. Each raises ArgumentTypeError for the rest."""

import argparse
import re
from collections.abc import Sequence

from batchmgr.simulation.durations import seconds, typical_s

_SHORTEST_INTERVAL_S = 300.0
_DAYS = re.compile(r"(\d+(?:\.\d+)?)d")


def count(text: str) -> int:
    """Return a whole number from 1 on."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError("must be a whole number, 1 or more")
    return int(text)


def numbers(text: str) -> Sequence[int]:
    """Return the numbers of a list such as `1,10,50`."""
    return [count(part) for part in text.split(",")]


def share(text: str) -> float:
    """Return a number from 0 to 1."""
    number = rate(text)
    if number > 1:
        raise argparse.ArgumentTypeError("must be between 0 and 1")
    return number


def rate(text: str) -> float:
    """Return a number from 0 on."""
    try:
        number = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError("must be a number") from error
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError("must be a number, 0 or more")
    return number


def distribution(text: str) -> str:
    """Return a distribution as it is written, without spaces."""
    try:
        typical_s(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text.replace(" ", "")


def interval(text: str) -> float:
    """Return the seconds between two evaluations of a formula."""
    found = horizon(text)
    if found < _SHORTEST_INTERVAL_S:
        raise argparse.ArgumentTypeError("Azure Batch evaluates a formula every 5m at most")
    return found


def horizon(text: str) -> float:
    """Return the seconds of a time, which may be in days."""
    days = _DAYS.fullmatch(text)
    try:
        return float(days[1]) * 86_400 if days else seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
