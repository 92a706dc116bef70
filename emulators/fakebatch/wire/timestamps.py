"""Points in time as .NET ticks: whole numbers of 100 ns since the year 1, the resolution of Azure Batch."""

import re
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache

PER_SECOND = 10_000_000
_UNIX_EPOCH = 621_355_968_000_000_000
_ISO = re.compile(r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)?")


def from_unix_ns(nanoseconds: int) -> int:
    """Return the ticks of a Unix time in nanoseconds, such as the time of a file."""
    return nanoseconds // 100 + _UNIX_EPOCH


@lru_cache(maxsize=1024)
def _iso_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").removesuffix("+00:00")


def to_iso(ticks: int) -> str:
    """Return a time as ISO 8601 in UTC, with suffix Z, at most 7 fraction digits, no trailing zeros."""
    since_epoch = ticks - _UNIX_EPOCH
    second, fraction = _iso_second(since_epoch // PER_SECOND), since_epoch % PER_SECOND
    return f"{second}.{str(PER_SECOND + fraction)[1:].rstrip('0')}Z" if fraction else f"{second}Z"


def from_iso(text: str) -> int:
    """Return the ticks of an ISO 8601 time. A time without an offset is UTC. Raises ValueError."""
    match = _ISO.fullmatch(text)
    if match is None:
        raise ValueError(f"not an ISO 8601 time: {text!r}")
    head, fraction, offset = match.groups()
    moment = datetime.fromisoformat(head + ("+00:00" if offset in (None, "Z", "z") else offset))
    ticks = int(moment.timestamp()) * PER_SECOND + _UNIX_EPOCH
    return ticks + int((fraction or "").ljust(7, "0")[:7])


def to_http_date(ticks: int) -> str:
    """Return a time as an RFC 1123 date. The fraction of the second is lost."""
    moment = datetime.fromtimestamp((ticks - _UNIX_EPOCH) // PER_SECOND, UTC)
    return format_datetime(moment, usegmt=True)


def from_http_date(text: str) -> int:
    """Return the ticks of an RFC 1123 date. Raises ValueError."""
    moment = parsedate_to_datetime(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * PER_SECOND + _UNIX_EPOCH


def etag(ticks: int) -> str:
    """Return the entity tag that Azure Batch derives from a time of last modification."""
    return f"0x{ticks:X}"
