"""How long tasks take: a distribution or the seconds of earlier tasks, for each kind."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from batchmgr.errors import SimulationError
from batchmgr.simulation.job_shape import JobShape

FORMS = "10m, uniform(5m,15m), exponential(10m), lognormal(10m,0.8) or samples(8m,9m,30m)"
"""How a distribution is written: fixed, between two, with a mean, with a median and sigma, any of these."""

OWN = "2s"
"""How long a task of batchmgr's own takes. The FinalizeTask writes one small file."""

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_TIME = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_CALL = re.compile(r"(uniform|exponential|lognormal|samples)\(([^()]+)\)")


@dataclass(frozen=True, kw_only=True)
class Duration:
    """How long a task of one kind takes, and the share of its runs that fail.

    Either `text` has a distribution, or `samples` the seconds of earlier tasks, each as likely as the others.
    """

    text: str = ""
    samples: Sequence[float] = ()
    failure: float = 0.0

    @property
    def typical_s(self) -> float:
        """The median, or something near it, in seconds."""
        if self.samples:
            return sorted(self.samples)[len(self.samples) // 2]
        return typical_s(self.text)

    @property
    def shown(self) -> str:
        """The distribution in words."""
        return f"{len(self.samples):,} earlier tasks" if self.samples else self.text

    def as_json(self, kind: str) -> dict[str, Any]:
        """Return the kind as a forecast takes it."""
        drawn = {"samples": list(self.samples)} if self.samples else {"duration": self.text}
        return {"name": kind, "failure": self.failure, **drawn}


def seconds(text: str) -> float:
    """Return the seconds of a text such as `90s`, `1.5m` or `2h`. Raise ValueError."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a time such as 30s, 10m or 1.5h")
    return float(match[1]) * _SECONDS[match[2]]


def typical_s(text: str) -> float:
    """Return the median of a distribution, or its mean, in seconds. Raise ValueError if it is none."""
    call = _CALL.fullmatch(text.replace(" ", ""))
    if call is None:
        return seconds(text)
    parts = call[2].split(",")
    match call[1], parts:
        case "uniform", [low, high]:
            return (seconds(low) + seconds(high)) / 2
        case "exponential", [mean]:
            return seconds(mean)
        case "lognormal", [median, sigma]:
            if float(sigma) < 0:
                raise ValueError(f"the sigma of {text!r} is negative")
            return seconds(median)
        case "samples", _:
            return sorted(map(seconds, parts))[len(parts) // 2]
    raise ValueError(f"{text!r} is none of {FORMS}")


def named(texts: Sequence[str]) -> dict[str, str]:
    """Return the distributions of texts such as `count=10m`, by kind. One without a kind is for all others.

    Raise ValueError.
    """
    found: dict[str, str] = {}
    for text in texts:
        kind, equals, distribution = text.rpartition("=")
        if kind in found:
            raise ValueError(f"there are two durations for {kind or 'all other kinds'}")
        typical_s(distribution)
        found[kind if equals else ""] = distribution.replace(" ", "")
    return found


def durations_of(
    shape: JobShape,
    given: Mapping[str, str],
    earlier: Mapping[str, Duration],
    *,
    failure: float | None = None,
) -> dict[str, Duration]:
    """Return the duration of each kind: what is given comes before what an earlier job has shown.

    `failure` is the share of failing runs of all but batchmgr's own tasks, if it is given. Raise
    SimulationError for a kind of which nothing is known, and for a name that is no kind.
    """
    if strangers := sorted(set(given) - {""} - set(shape.kinds)):
        known = ", ".join(kind for kind in shape.kinds if kind not in shape.own_kinds)
        raise SimulationError(f"no task is of the kind {strangers[0]!r}; there are: {known}")
    found = {}
    for kind in shape.kinds:
        is_own = kind in shape.own_kinds
        if kind in given:
            found[kind] = Duration(text=given[kind], failure=0.0 if is_own else failure or 0.0)
        elif kind in earlier:
            seen = earlier[kind]
            share = seen.failure if failure is None or is_own else failure
            found[kind] = Duration(text=seen.text, samples=seen.samples, failure=share)
        elif is_own:
            found[kind] = Duration(text=OWN)
        elif "" in given:
            found[kind] = Duration(text=given[""], failure=failure or 0.0)
        else:
            raise SimulationError(
                f"nobody knows how long tasks of the kind {kind!r} take: say it with "
                f"--duration '{kind}={FORMS.split(', ', maxsplit=1)[0]}', or name an earlier job with --like"
            )
    return found
