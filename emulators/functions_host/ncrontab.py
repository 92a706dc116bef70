"""NCRONTAB expressions: cron expressions with an optional field for seconds before the five others."""

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_ITEM = re.compile(r"(?P<start>\*|\w+)(?:-(?P<end>\w+))?(?:/(?P<step>\d+))?")
# 29 February on a given weekday can be 40 years away, when a century year without a leap day is in between.
_HORIZON_YEARS = 41


@dataclass(frozen=True)
class _Field:
    name: str
    first: int
    last: int
    names: dict[str, int]


_FIELDS = (
    _Field("second", 0, 59, {}),
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of month", 1, 31, {}),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _DAYS),
)


@dataclass(frozen=True, kw_only=True)
class Ncrontab:
    """A parsed expression: the values of each field. Unlike in Unix cron, both day fields must match."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday."""
    fires_every_minute: bool
    """Whether every field but the seconds is `*`."""
    is_interval: bool
    """Whether the seconds, minutes or hours have a `*`, `/` or `-`. The others fire at points in time."""

    @classmethod
    def parse(cls, expression: str) -> "Ncrontab":
        """Parse six fields, or five without seconds. Raises ValueError for anything else."""
        given = expression.split()
        fields = ["0", *given] if len(given) == 5 else given
        if len(fields) != len(_FIELDS):
            raise ValueError(f"expected five or six fields: {expression!r}")
        values = [_values(text, field) for text, field in zip(fields, _FIELDS, strict=True)]
        seconds, minutes, hours, days, months, weekdays = values
        return cls(
            seconds=tuple(sorted(seconds)),
            minutes=tuple(sorted(minutes)),
            hours=tuple(sorted(hours)),
            days=frozenset(days),
            months=frozenset(months),
            weekdays=frozenset(weekdays),
            fires_every_minute=all(text == "*" for text in fields[1:]),
            is_interval=any(sign in text for text in given[:-3] for sign in "*/-"),
        )

    def next_after(self, moment: datetime) -> datetime:
        """Return the first occurrence after `moment`, in whole seconds.

        Raises ValueError for a date that never comes, such as 30 February.
        """
        start = moment.replace(microsecond=0) + timedelta(seconds=1)
        for day in self._matching_days(start.date()):
            earliest = start if day == start.date() else None
            for occurrence in self._times_of(day, start, earliest):
                return occurrence
        raise ValueError("the schedule has no next occurrence")

    def _matching_days(self, day: date) -> Iterator[date]:
        last = day.replace(year=day.year + _HORIZON_YEARS, day=1)
        while day <= last:
            if day.month not in self.months:
                day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
                continue
            if day.day in self.days and day.isoweekday() % 7 in self.weekdays:
                yield day
            day += timedelta(days=1)

    def _times_of(self, day: date, zone: datetime, earliest: datetime | None) -> Iterator[datetime]:
        for hour in self.hours:
            if earliest and hour < earliest.hour:
                continue
            for minute in self.minutes:
                if earliest and (hour, minute) < (earliest.hour, earliest.minute):
                    continue
                for second in self.seconds:
                    occurrence = datetime(
                        day.year, day.month, day.day, hour, minute, second, tzinfo=zone.tzinfo
                    )
                    if earliest is None or occurrence >= earliest:
                        yield occurrence


def _values(text: str, field: _Field) -> set[int]:
    values: set[int] = set()
    for item in text.split(","):
        match = _ITEM.fullmatch(item)
        if match is None:
            raise ValueError(f"{field.name}: {item!r} is invalid")
        step = int(match["step"] or 1)
        if step == 0:
            raise ValueError(f"{field.name}: the step is 0")
        values.update(range(*_bounds(match, field), step))
    return values


def _bounds(match: re.Match[str], field: _Field) -> tuple[int, int]:
    """Return the first value of an item, and the value after its last."""
    if match["start"] == "*":
        if match["end"]:
            raise ValueError(f"{field.name}: a range cannot start with '*'")
        return field.first, field.last + 1
    start = _number(match["start"], field)
    # `a/b` runs from a to the last value of the field. `a` alone means only a.
    end = field.last if match["step"] else start
    if match["end"]:
        end = _number(match["end"], field)
    if end < start:
        raise ValueError(f"{field.name}: {match[0]!r} ends before it starts")
    return start, end + 1


def _number(text: str, field: _Field) -> int:
    value = field.names.get(text[:3].lower()) if field.names and text.isalpha() else None
    if value is None:
        value = int(text) if text.isdecimal() else -1
    if not field.first <= value <= field.last:
        raise ValueError(f"{field.name}: {text!r} is not between {field.first} and {field.last}")
    return value
