"""The old code: how long the sun is above the horizon, asked of astral as it was until 2019."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from astral import Astral, AstralError
from pytz import utc

_ASTRAL = Astral()


def possible_hours(latitude: float, longitude: float, day: date) -> float:
    """How long the sun can shine on this day, in hours: from its rise to its set."""
    try:
        rise, set_ = _ASTRAL.daylight_utc(day, latitude, longitude)
    except AstralError:  # it neither rises nor sets: polar day or polar night
        noon = datetime.combine(day, time(12), tzinfo=utc) - timedelta(hours=longitude / 15)
        return 24.0 if _ASTRAL.solar_elevation(noon, latitude, longitude) > 0 else 0.0
    # Both are times of this day in UTC: far from Greenwich the sun may set before it rises.
    return float((set_ - rise).total_seconds() % 86_400) / 3_600


def monthly_hours(latitude: float, longitude: float, year: int) -> list[float]:
    """How long the sun can shine in each month of a year, in hours: twelve numbers."""
    months = [0.0] * 12
    day = date(year, 1, 1)
    while day.year == year:
        months[day.month - 1] += possible_hours(latitude, longitude, day)
        day += timedelta(days=1)
    return months
