"""The values in a formula: doubles, vectors of doubles, strings, timestamps, time intervals and metrics."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Final, TypeAlias

from fakebatch.wire import timestamps

Vector: TypeAlias = tuple[float, ...]


@dataclass(frozen=True, slots=True, order=True)
class Timestamp:
    """A point in time, in ticks."""

    at: int


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """A length of time, in ticks."""

    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A service-defined variable with samples.

    `samples` are the times in ticks and the values, the oldest first. `current` is the value now, or None if
    it is not known.
    """

    name: str
    samples: Sequence[tuple[int, float]] = ()
    current: float | None = None

    def since(self, start: int, end: int) -> Vector:
        """Return the values of the samples taken after `start` and not after `end`, both in ticks."""
        first = bisect_right(self.samples, start, key=itemgetter(0))
        return tuple(
            value for _, value in self.samples[first : bisect_right(self.samples, end, key=itemgetter(0))]
        )


Value: TypeAlias = float | str | Vector | Timestamp | Interval | Metric

PERIOD: Final = 30 * timestamps.PER_SECOND
"""The ticks between the samples of a metric."""

_TICKS: Final = {
    "Zero": 0,
    "100ns": 1,
    "Microsecond": 10,
    "Millisecond": 10_000,
    "Second": timestamps.PER_SECOND,
    "Minute": 60 * timestamps.PER_SECOND,
    "Hour": 3600 * timestamps.PER_SECOND,
    "Day": 86_400 * timestamps.PER_SECOND,
    "Week": 7 * 86_400 * timestamps.PER_SECOND,
    "Year": 365 * 86_400 * timestamps.PER_SECOND,
}
DEALLOCATION_OPTIONS: Final = ("requeue", "terminate", "taskcompletion", "retaineddata")
CONSTANTS: Final[dict[str, Value]] = {
    **{f"TimeInterval_{name}": Interval(length) for name, length in _TICKS.items()},
    **{name: name for name in DEALLOCATION_OPTIONS},
}
"""The constants of formulas."""

_MILLISECOND: Final = 10_000


def kind_of(value: Value) -> str:
    """Return the type of a value as the documentation of Azure Batch names it."""
    match value:
        case float():
            return "double"
        case str():
            return "string"
        case Timestamp():
            return "timestamp"
        case Interval():
            return "timeinterval"
        case Metric():
            return "metric"
        case _:
            return "doubleVec"


def show(value: Value) -> str:
    """Return a value as the `results` of an evaluation show it. Doubles have six significant digits."""
    match value:
        case float():
            return f"{value:g}"
        case str():
            return value
        case Timestamp(at):
            return timestamps.to_iso(at // _MILLISECOND * _MILLISECOND)
        case Interval(length):
            return _clock(length)
        case Metric():
            return value.name
        case _:
            return f"[{','.join(map(show, value))}]"


def _clock(length: int) -> str:
    seconds, fraction = divmod(abs(length), timestamps.PER_SECOND)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    text = f"{hours:02}:{minutes:02}:{seconds:02}" + (f".{fraction:07}" if fraction else "")
    return ("-" if length < 0 else "") + (f"{days}." if days else "") + text


def member(timestamp: Timestamp, name: str) -> float | None:
    """Return a member of a timestamp, such as its `hour`, or None if there is no such member. Sunday is 0."""
    moment = datetime.strptime(timestamps.to_iso(timestamp.at)[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    if name == "weekday":
        return float(moment.isoweekday() % 7)
    if name in ("year", "month", "day", "hour", "minute", "second"):
        return float(getattr(moment, name))
    return None
