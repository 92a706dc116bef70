"""What really happened, over time, in the form of the curves of a forecast."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

_STEPS = 240


@dataclass(frozen=True, kw_only=True)
class Run:
    """The last run of a task: its index, its node, and its start and end in seconds of the job."""

    task: int
    node: int
    start: float
    end: float


@dataclass(frozen=True, kw_only=True)
class RealCurves:
    """At the times in `seconds`, how many tasks had `ended`, and on how many `busy` nodes tasks ran."""

    seconds: Sequence[float]
    ended: Sequence[float]
    busy: Sequence[float]


def real_curves(runs: Sequence[Run]) -> RealCurves:
    """Return the curves of the runs of a job, in equal steps up to the last end."""
    last = max(run.end for run in runs)
    seconds = [*(last * step / _STEPS for step in range(_STEPS)), last]
    ends = sorted(run.end for run in runs)
    busy_on: dict[int, list[bool]] = {}
    for run in runs:
        if run.node >= 0:
            steps = busy_on.setdefault(run.node, [False] * len(seconds))
            first, after = bisect_left(seconds, run.start), bisect_left(seconds, run.end)
            steps[first:after] = [True] * (after - first)
    return RealCurves(
        seconds=[round(at, 3) for at in seconds],
        ended=[bisect_right(ends, at) for at in seconds],
        busy=[sum(column) for column in zip(*busy_on.values(), strict=True)] or [0] * len(seconds),
    )
