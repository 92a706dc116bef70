"""The methods of a metric: GetSample, GetSamplePercent, GetSamplePeriod, Count and HistoryBeginTime."""

from collections.abc import Sequence
from typing import Final

from fakebatch.autoscale.formula_values import PERIOD, Interval, Metric, Timestamp, Value, Vector, kind_of
from fakebatch.errors import TooFewSamplesError

_FULL: Final = 100.0


def call_method(metric: Metric, name: str, arguments: Sequence[Value], now: int) -> Value:
    """Return the value of a method of a metric.

    Raises LookupError if there is no such method, TypeError if the arguments have the wrong types, and
    TooFewSamplesError.
    """
    match name, arguments:
        case "Count", []:
            return float(len(metric.samples))
        case "HistoryBeginTime", []:
            return Timestamp(metric.samples[0][0] if metric.samples else now)
        case "GetSamplePeriod", []:
            return Interval(PERIOD)
        case "GetSample", [float() as count]:
            return tuple(value for _, value in metric.samples[-int(count) :]) if count >= 1 else ()
        case "GetSample", [*bounds, float() as wanted] if 1 <= len(bounds) <= 2:
            found, percent = _between(metric, bounds, now)
            if percent < wanted:
                text = f"{metric.name} wanted {wanted:g}%, received {percent:g}%"
                raise TooFewSamplesError(f"Insufficient data from data set: {text}")
            return found
        case "GetSample", [*bounds] if 1 <= len(bounds) <= 2:
            return _between(metric, bounds, now)[0]
        case "GetSamplePercent", [*bounds] if 1 <= len(bounds) <= 2:
            return _between(metric, bounds, now)[1]
        case (("Count" | "HistoryBeginTime" | "GetSamplePeriod" | "GetSample" | "GetSamplePercent"), _):
            raise TypeError(f"The method '{name}' does not take ({', '.join(map(kind_of, arguments))})")
    raise LookupError(f"Unknown method '{name}'")


def _between(metric: Metric, bounds: Sequence[Value], now: int) -> tuple[Vector, float]:
    """Return the samples between two times, and their percentage of the samples expected in that time."""
    start, end = sorted([_moment(bounds[0], now), _moment(bounds[1], now) if len(bounds) > 1 else now])
    found = metric.since(start, end)
    expected = (end - start) // PERIOD
    return found, min(_FULL * len(found) / expected, _FULL) if expected else _FULL


def _moment(bound: Value, now: int) -> int:
    match bound:
        case Timestamp(at):
            return at
        case Interval(length):
            return now - length
    raise TypeError(f"A moment is a timestamp or a timeinterval, not {kind_of(bound)}")
