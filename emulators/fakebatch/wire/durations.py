"""ISO 8601 durations as ticks of 100 ns, written in the form in which .NET writes them."""

import re
from functools import lru_cache
from typing import Final

from fakebatch.wire.timestamps import PER_SECOND

INFINITE: Final = 2**63 - 1
"""The largest .NET TimeSpan. Azure Batch shows it where no limit is set."""

_ISO = re.compile(
    r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?"
    r"(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,7}))?S)?)?"
)
# .NET reads a year as 365 days and a month as 30.
_DAYS = (365, 30, 7, 1)


def parse(text: str) -> int:
    """Return the ticks of an ISO 8601 duration such as `PT1H30M`. Raises ValueError."""
    match = _ISO.fullmatch(text)
    if match is None or len(text) < 3:
        raise ValueError(f"not an ISO 8601 duration: {text!r}")
    *dates, hours, minutes, seconds, fraction = match.groups()
    days = sum(int(part or 0) * length for part, length in zip(dates, _DAYS, strict=True))
    whole = ((days * 24 + int(hours or 0)) * 60 + int(minutes or 0)) * 60 + int(seconds or 0)
    return min(whole * PER_SECOND + int((fraction or "").ljust(7, "0")), INFINITE)


def render(ticks: int) -> str:
    """Return the ISO 8601 text of a duration as .NET serialises it, with days as the largest unit."""
    rest, fraction = divmod(ticks, PER_SECOND)
    rest, seconds = divmod(rest, 60)
    rest, minutes = divmod(rest, 60)
    days, hours = divmod(rest, 24)
    second = f"{seconds}.{fraction:07}".rstrip("0").rstrip(".") if fraction else str(seconds)
    clock = "".join(
        f"{value}{unit}"
        for value, unit, shown in (
            (hours, "H", hours),
            (minutes, "M", minutes),
            (second, "S", seconds or fraction),
        )
        if shown
    )
    text = (f"{days}D" if days else "") + (f"T{clock}" if clock else "")
    return f"P{text}" if text else "PT0S"


@lru_cache(maxsize=1024)
def seconds(text: str) -> float | None:
    """Return the seconds of an ISO 8601 duration, or None if it means no limit. Raises ValueError."""
    ticks = parse(text)
    return None if ticks == INFINITE else ticks / PER_SECOND
