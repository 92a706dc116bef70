"""The plan of a simulation, parsed from text such as `duration=lognormal(2s,1.5) failure=0.01`."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fakebatch.service_delays import Draw

_NUMBER: Final = r"(\d+(?:\.\d+)?)"
_DURATION: Final = re.compile(rf"{_NUMBER}(ms|s|m|h)")
_CALL: Final = re.compile(r"([a-z]+)\(([^()]+)\)")
_FORMS: Final = "2s, uniform(1s,3s), exponential(2s), lognormal(2s,1.5) and samples(1s,2s,5s)"
_DELAYS: Final = ("resize", "boot", "scheduling")
_SECONDS: Final[Mapping[str, float]] = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationPlan:
    """How simulated tasks behave.

    `duration` draws the seconds of a run. `failure` is the share of runs that exit with 1. The same `seed`
    gives the same runs. `speed` is how many simulated seconds pass in a second; None: as many as possible.
    `resize`, `boot` and `scheduling` draw the seconds that `ServiceDelays` explains. `eviction` is how often
    a spot node is preempted, in an hour.
    """

    duration: Draw
    resize: Draw | None = None
    boot: Draw | None = None
    scheduling: Draw | None = None
    eviction: float = 0.0
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

    - `duration` (default 1s): `2s`, `uniform(1s,3s)`, `exponential(2s)` with this mean,
      `lognormal(2s,1.5)` with this median and sigma, or `samples(1s,2s,5s)`, each as likely as the others.
    - `resize`, `boot`, `scheduling` (default 0s): the same.
    - `eviction` (default 0): how often a spot node is preempted, in an hour.
    - `failure` (default 0): a share between 0 and 1.
    - `seed` (default 0): an integer.
    - `speed` (default max): a number, or max.
    """
    parts = dict(_part(word) for word in text.split())
    unknown = parts.keys() - {"duration", *_DELAYS, "eviction", "failure", "seed", "speed"}
    if unknown:
        known = "duration, resize, boot, scheduling, eviction, failure, seed and speed"
        raise ValueError(f"{sorted(unknown)[0]!r} is not one of {known}")
    failure = float(parts.get("failure", "0"))
    if not 0 <= failure <= 1:
        raise ValueError("failure must be between 0 and 1")
    eviction = float(parts.get("eviction", "0"))
    if not 0 <= eviction < math.inf:
        raise ValueError("eviction must be a number, 0 or more")
    speed = parts.get("speed", "max")
    return SimulationPlan(
        duration=parse_draw(parts.get("duration", "1s")),
        **{name: parse_draw(parts[name]) for name in _DELAYS if name in parts},
        eviction=eviction,
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


def parse_draw(text: str) -> Draw:
    """Return what draws from a distribution such as `2s` or `uniform(1s,3s)`. Raises ValueError."""
    call = _CALL.fullmatch(text.strip())
    if call is None:
        fixed = seconds(text)
        return lambda _: fixed
    match call[1], [part.strip() for part in call[2].split(",")]:
        case "uniform", [low, high]:
            shortest, longest = seconds(low), seconds(high)
            return lambda random: random.uniform(shortest, longest)
        case "exponential", [mean]:
            rate = 1 / seconds(mean)
            return lambda random: random.expovariate(rate)
        case "lognormal", [median, sigma]:
            mu, spread = math.log(seconds(median)), float(sigma)
            return lambda random: random.lognormvariate(mu, spread)
        case "samples", texts:
            samples = [seconds(text) for text in texts]
            return lambda random: random.choice(samples)
        case _:
            raise ValueError(f"{text!r} is not one of {_FORMS}")
