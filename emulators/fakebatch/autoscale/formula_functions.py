"""The functions of formulas, such as `avg`, `max`, `percentile` and `time`."""

import math
import random
import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fakebatch.autoscale.formula_values import (
    Timestamp,
    Value,
    Vector,
    kind_of,
)
from fakebatch.errors import FormulaStopped
from fakebatch.wire import timestamps

_FULL: Final = 100.0
_DATE: Final = re.compile(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?")


@dataclass(frozen=True, slots=True)
class FunctionContext:
    """What functions need apart from their arguments: the time in ticks, and a source of random numbers."""

    now: int
    random: random.Random


def call_function(name: str, arguments: Sequence[Value], context: FunctionContext) -> Value:
    """Return the value of a function.

    Raises LookupError if there is no such function, TypeError if the arguments have the wrong types,
    ValueError if the function has no value for them, and FormulaStopped for `stop()`.
    """
    match name, arguments:
        case "rand", []:
            return context.random.random()
        case "stop", []:
            raise FormulaStopped
        case "time", []:
            return Timestamp(context.now)
        case "time", [str() as text]:
            return Timestamp(_read_time(text) if text else context.now)
        case "val", [tuple() as vector, float() as position]:
            return _element(vector, position)
        case "percentile", [tuple() as vector, float() as percent]:
            return _percentile(vector, percent)
        case "vec", _:
            return _flat(name, arguments)
    if name in _COMPONENTWISE:
        return _componentwise(name, arguments)
    if name in _SUMMARIES:
        return _summary(name, arguments)
    if name in ("rand", "stop", "time", "val", "percentile"):
        shown = ", ".join(map(kind_of, arguments))
        raise TypeError(f"The function '{name}' does not take ({shown})")
    raise LookupError(f"Unknown function '{name}'")


def _flat(name: str, arguments: Sequence[Value]) -> Vector:
    flat: list[float] = []
    for argument in arguments:
        match argument:
            case float():
                flat.append(argument)
            case tuple():
                flat.extend(argument)
            case _:
                raise TypeError(f"The function '{name}' does not take {kind_of(argument)}")
    return tuple(flat)


def _logarithm(take: Callable[[float], float]) -> Callable[[float], float]:
    def of(number: float) -> float:
        if number > 0:
            return take(number) if number < math.inf else math.inf
        return math.nan if number else -math.inf

    return of


def _rounded(number: float) -> float:
    return math.copysign(math.floor(abs(number) + 0.5), number)


_COMPONENTWISE: Final[dict[str, Callable[[float], float]]] = {
    "ceil": lambda number: float(math.ceil(number)),
    "floor": lambda number: float(math.floor(number)),
    "lg": _logarithm(math.log2),
    "ln": _logarithm(math.log),
    "log": _logarithm(math.log10),
    "round": _rounded,
}
# Each with a flag: whether it has a value for an empty list.
_SUMMARIES: Final[dict[str, tuple[Callable[[Vector], float], bool]]] = {
    "avg": (statistics.fmean, False),
    "len": (lambda vector: float(len(vector)), True),
    "max": (max, False),
    "min": (min, False),
    "norm": (lambda vector: math.hypot(*vector), True),
    "range": (lambda vector: max(vector) - min(vector), False),
    "std": (lambda vector: statistics.stdev(vector) if len(vector) > 1 else 0.0, False),
    "sum": (math.fsum, True),
}


def _componentwise(name: str, arguments: Sequence[Value]) -> Value:
    take = _COMPONENTWISE[name]
    try:
        if len(arguments) == 1 and isinstance(arguments[0], float):
            return take(arguments[0])
        return tuple(map(take, _flat(name, arguments)))
    except OverflowError as error:
        raise ValueError(f"The function '{name}' has no value for what is not finite") from error


def _summary(name: str, arguments: Sequence[Value]) -> float:
    take, may_be_empty = _SUMMARIES[name]
    vector = _flat(name, arguments)
    if not vector and not may_be_empty:
        raise ValueError(f"The function '{name}' has no value for an empty list")
    return take(vector)


def _element(vector: Vector, position: float) -> float:
    if not 0 <= position < len(vector):
        raise ValueError(f"There is no element {position:g} in a vector of {len(vector)}")
    return vector[int(position)]


def _percentile(vector: Vector, percent: float) -> float:
    if not vector or not 0 <= percent <= _FULL:
        raise ValueError(f"There is no percentile {percent:g} of a vector of {len(vector)}")
    rank = math.ceil(percent / _FULL * len(vector))
    return sorted(vector)[max(rank, 1) - 1]


def _read_time(text: str) -> int:
    try:
        if date := _DATE.fullmatch(text):
            return timestamps.from_iso(f"{date[1]}-{date[2] or '01'}-{date[3] or '01'}T00:00:00Z")
        return timestamps.from_http_date(text) if "," in text else timestamps.from_iso(text)
    except (ValueError, TypeError) as error:
        raise ValueError(f"'{text}' is not a time") from error
