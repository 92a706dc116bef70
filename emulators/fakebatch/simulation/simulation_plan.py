"""The plan of a simulation, parsed from text such as `duration=lognormal(2s,1.5) failure=0.01`."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final, TypeAlias

Draw: TypeAlias = Callable[[Random], float]

_NUMBER: Final = r"(\d+(?:\.\d+)?)"
_DURATION: Final = re.compile(rf"{_NUMBER}(ms|s|m|h)")
_CALL: Final = re.compile(r"([a-z]+)\(([^(),]+)(?:,([^(),]+))?\)")
_SECONDS: Final[Mapping[str, float]] = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationPlan:
    """How simulated tasks behave.

    `duration` draws the seconds of a run. `failure` is the share of runs that exit with 1. The same `seed`
    gives the same runs. `speed` is how many simulated seconds pass in a second; None: as many as possible.
    """

    duration: Draw
    failure: float = 0.0
    seed: int = 0
    speed: float | None = None


def seconds(text: str) -> float:
    """Return the seconds of a duration such as `250ms`, `2s`, `1.5m` or `1h`. Raises ValueError."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration such as 250ms, 2s, 1.5m or 1h")
    return float(match[1]) * _SECONDS[match[2]]


def parse_plan(text: str) -> SimulationPlan:
    """Parse a plan of `name=value` parts, all of them optional. Raises ValueError.

    - `duration` (default 1s): `2s`, `uniform(1s,3s)`, `exponential(2s)` with this mean, or
      `lognormal(2s,1.5)` with this median and sigma.
    - `failure` (default 0): a share between 0 and 1.
    - `seed` (default 0): an integer.
    - `speed` (default max): a number, or max.
    """
    parts = dict(_part(word) for word in text.split())
    unknown = parts.keys() - {"duration", "failure", "seed", "speed"}
    if unknown:
        raise ValueError(f"{sorted(unknown)[0]!r} is not one of duration, failure, seed and speed")
    failure = float(parts.get("failure", "0"))
    if not 0 <= failure <= 1:
        raise ValueError("failure must be between 0 and 1")
    speed = parts.get("speed", "max")
    return SimulationPlan(
        duration=_draw(parts.get("duration", "1s")),
        failure=failure,
        seed=int(parts.get("seed", "0")),
        speed=None if speed == "max" else _positive(speed),
    )


def _part(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise ValueError(f"{word!r} is not of the form name=value")
    return name, value


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise ValueError("speed must be a positive number, or max")
    return value


def _draw(text: str) -> Draw:
    call = _CALL.fullmatch(text)
    if call is None:
        fixed = seconds(text)
        return lambda _: fixed
    match call.groups():
        case ("uniform", low, str(high)):
            shortest, longest = seconds(low), seconds(high)
            return lambda random: random.uniform(shortest, longest)
        case ("exponential", mean, None):
            rate = 1 / seconds(mean)
            return lambda random: random.expovariate(rate)
        case ("lognormal", median, str(sigma)):
            mu, spread = math.log(seconds(median)), float(sigma)
            return lambda random: random.lognormvariate(mu, spread)
        case _:
            raise ValueError(
                f"{text!r} is not one of 2s, uniform(1s,3s), exponential(2s) and lognormal(2s,1.5)"
            )
