"""The old code: how long the sun is above the horizon, computed with astral 1.10 of 2019."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from astral import Astral, AstralError
from pytz import utc

_ASTRAL = Astral()


def possible_hours(latitude: float, longitude: float, day: date) -> float:
    """Return how long the sun can shine on this day, in hours: from sunrise to sunset."""
    try:
        rise, set_ = _ASTRAL.daylight_utc(day, latitude, longitude)
    except AstralError:  # no sunrise or sunset: polar day or polar night
        noon = datetime.combine(day, time(12), tzinfo=utc) - timedelta(hours=longitude / 15)
        return 24.0 if _ASTRAL.solar_elevation(noon, latitude, longitude) > 0 else 0.0
    # Both are times of this day in UTC. Far from Greenwich the sunset may come before the sunrise.
    return float((set_ - rise).total_seconds() % 86_400) / 3_600


def monthly_hours(latitude: float, longitude: float, year: int) -> list[float]:
    """Return how long the sun can shine in each month of a year, in hours: twelve numbers."""
    months = [0.0] * 12
    day = date(year, 1, 1)
    while day.year == year:
        months[day.month - 1] += possible_hours(latitude, longitude, day)
        day += timedelta(days=1)
    return months
