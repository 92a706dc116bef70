"""Times and durations, as they are typed and as they are shown. Times are shown in UTC, and say so."""

import re
from datetime import UTC, datetime, timedelta

import typer

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds_of(text: str) -> float | None:
    """Return a duration such as `90`, `10m`, `2h` or `7d` in seconds; None for an empty text."""
    if not text:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text, re.ASCII)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no duration such as 90, 10m, 2h or 7d")
    return float(found[1]) * _UNITS[found[2]]


def moment_of(text: str) -> datetime | None:
    """Return a time: an ISO 8601 time, in UTC if it does not say, or a duration before now."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        ago = seconds_of(text)
        return datetime.now(UTC) - timedelta(seconds=ago or 0)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def shown_time(time: datetime | None) -> str:
    """Return a time in UTC."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if time else ""


def shown_span(begin: datetime | None, end: datetime | None) -> str:
    """Return how long something took, or takes since, with two units at most."""
    if begin is None:
        return ""
    seconds = max(0, int(((end or datetime.now(UTC)) - begin).total_seconds()))
    for unit, size, lower, below in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if seconds >= size:
            return f"{seconds // size} {unit} {seconds % size // below} {lower}"
    return f"{seconds} s"
