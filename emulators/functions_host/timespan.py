"""The text format of .NET's TimeSpan, which host.json and timer schedules use."""

import re
from datetime import timedelta

_TIMESPAN = re.compile(
    r"(?:(?P<days>\d+)\.)?(?P<hours>\d{1,2}):(?P<minutes>\d{1,2})(?::(?P<seconds>\d{1,2})(?:\.(?P<fraction>\d{1,7}))?)?"
)
_LIMITS = {"hours": 23, "minutes": 59, "seconds": 59}


def parse_timespan(text: str) -> timedelta:
    """Parse `[d.]hh:mm[:ss[.fffffff]]`, or a bare number of days, as .NET does.

    Raises ValueError for anything else.
    """
    text = text.strip()
    if text.isdecimal():
        return timedelta(days=int(text))
    match = _TIMESPAN.fullmatch(text)
    if match is None:
        raise ValueError(f"not a TimeSpan: {text!r}")
    parts = {name: int(match[name] or 0) for name in ("days", *_LIMITS)}
    if any(parts[name] > limit for name, limit in _LIMITS.items()):
        raise ValueError(f"not a TimeSpan: {text!r}")
    microseconds = int((match["fraction"] or "").ljust(7, "0")[:6])
    return timedelta(**parts, microseconds=microseconds)
