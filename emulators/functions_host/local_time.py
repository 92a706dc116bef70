"""Local time: that of the machine's time zone, or of the one in the variable TZ."""

import time
from datetime import UTC, datetime, timedelta, timezone

_FIRST_SECOND = -62_135_596_800
"""The start of the year 1 in Unix time."""
_A_DAY = timedelta(days=1)


def local_now() -> datetime:
    """Return the present moment in local time, with its offset."""
    return datetime.now().astimezone()


def to_local(moment: datetime) -> datetime:
    """Return a moment in local time, with its offset. A moment without a time zone counts as local.

    Close to the years 1 and 9999, where that cannot be calculated, the time zone stays as it is.
    """
    try:
        return moment.astimezone()
    except (OverflowError, ValueError, OSError):
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def at_clock_time(clock: datetime) -> datetime:
    """Return the moment at which local clocks show `clock`, as .NET does.

    Of a time that clocks show twice in autumn, it is the second. A time that they skip in spring lies after
    the gap. Raises OverflowError close to the years 1 and 9999.
    """
    moments = _moments_at(clock)
    return max(moments) if moments else to_local(_with_offset_of(clock - _A_DAY, clock))


def is_ambiguous(clock: datetime) -> bool:
    """Return whether local clocks show this time twice, because they are put back after it.

    Raises OverflowError close to the years 1 and 9999.
    """
    return len(_moments_at(clock)) > 1


def _moments_at(clock: datetime) -> set[datetime]:
    """Return the moments at which clocks show this time: one, two in autumn, none in spring."""
    clock = clock.replace(tzinfo=None, fold=0)
    offsets = (_with_offset_of(day, clock) for day in (clock - _A_DAY, clock + _A_DAY))
    moments = (to_local(moment) for moment in offsets)
    return {moment for moment in moments if moment.replace(tzinfo=None) == clock}


def _with_offset_of(other: datetime, clock: datetime) -> datetime:
    """Return `clock` with the offset that local time has at another time. Python's own way errs in gaps."""
    return clock.replace(tzinfo=to_local(other.replace(tzinfo=None, fold=0)).tzinfo, fold=0)


def year_one() -> datetime:
    """Return the start of the year 1 in local time: what .NET shows for a moment that was never set.

    Its offset is today's standard offset, changed by whole minutes to the one that tables of time zones give
    for the distant past, as .NET calculates it. In New York that is -04:57.
    """
    standard = -time.timezone
    try:
        difference = time.localtime(_FIRST_SECOND).tm_gmtoff - standard
    except (OverflowError, OSError, ValueError):
        difference = 0
    minutes = int(difference / 60)
    zone = timezone(timedelta(seconds=standard, minutes=minutes))
    start = datetime.min.replace(tzinfo=zone)
    return start + max(zone.utcoffset(None), timedelta())
