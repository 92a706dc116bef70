"""What the runs of a variant have in common: spreads, costs and bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from batchmgr.simulation.node_price import NodePrice
from batchmgr.simulation.pool_variant import PoolVariant

_HOUR_S = 3600.0
PARTS = ("held", "used", "idle", "boot", "lost")
"""What a node hour is for. Held is the sum of the others."""

Run = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The 10th, 50th and 90th percentile over the runs."""

    p10: float
    p50: float
    p90: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Return the spread of some values, at least one."""
        found = sorted(values)
        return cls(p10=_percentile(found, 10), p50=_percentile(found, 50), p90=_percentile(found, 90))


@dataclass(frozen=True, kw_only=True)
class VariantResult:
    """A variant and its runs. The properties are of the runs that ended, or of all if none did.

    `is_best` says that no other variant is both as fast and as cheap.
    """

    variant: PoolVariant
    runs: Sequence[Run]
    price: NodePrice | None = None
    is_best: bool = False

    @property
    def counted(self) -> Sequence[Run]:
        """The runs that ended, or all if none did."""
        return [run for run in self.runs if run["ended"]] or self.runs

    @property
    def unended(self) -> int:
        """How many runs did not end."""
        return sum(not run["ended"] for run in self.runs)

    @property
    def makespan(self) -> Spread:
        """Seconds from the start of the job to the end of its last task."""
        return self.spread(lambda run: run["makespan"])

    @property
    def bound(self) -> Spread:
        """Seconds that no order of the tasks can beat: the longest chain, or all work on all slots."""
        return self.spread(self._bound)

    @property
    def list_bound(self) -> Spread | None:
        """Seconds in which any order of the tasks is done, on ready nodes; None for a formula."""
        slots = self.variant.most_slots
        if not slots or self.variant.formula is not None:
            return None
        return self.spread(lambda run: run["chain"] * (1 - 1 / slots) + run["work"] / slots)

    def share(self, part: str) -> Spread:
        """The share of the node hours for a part of `PARTS`. That which was used is the utilisation."""
        return self.spread(lambda run: hours(run, part) / (hours(run, "held") or 1))

    def node_hours(self, part: str) -> Spread:
        """Node hours for a part of `PARTS`."""
        return self.spread(lambda run: hours(run, part))

    def wait(self, percent: int) -> Spread:
        """Seconds that a task waited for a node, at a percentile of the tasks."""
        return self.spread(lambda run: run["waits"][f"p{percent}"] or 0.0)

    @property
    def cost(self) -> tuple[Spread, Spread] | None:
        """What was used, and what was idle, boot or lost, in money; None without prices."""
        if self.price is None:
            return None
        held = [self._cost(run, ("held",)) for run in self.counted]
        used = [self._cost(run, ("used",)) for run in self.counted]
        if any(amount is None for amount in (*held, *used)):
            return None
        rest = [(all_ or 0) - (own or 0) for all_, own in zip(held, used, strict=True)]
        return Spread.of(amount or 0 for amount in used), Spread.of(rest)

    @property
    def effort(self) -> float:
        """What the variant takes, to compare it with others: money, or node hours without prices."""
        cost = self.cost
        return self.node_hours("held").p50 if cost is None else cost[0].p50 + cost[1].p50

    def spread(self, value: Callable[[Run], float]) -> Spread:
        """Return the spread of a value over the runs."""
        return Spread.of(value(run) for run in self.counted)

    @property
    def middle(self) -> Run:
        """The run in the middle, by its makespan: its curves are shown."""
        by_makespan = sorted(self.counted, key=lambda run: run["makespan"])
        return by_makespan[(len(by_makespan) - 1) // 2]

    def _bound(self, run: Run) -> float:
        slots = self.variant.most_slots
        chain = float(run["chain"])
        return max(chain, run["work"] / slots) if slots else chain

    def _cost(self, run: Run, parts: Sequence[str]) -> float | None:
        spent = run["nodeSeconds"]
        amounts = [sum(spent[kind][part] for part in parts) / _HOUR_S for kind in ("dedicated", "spot")]
        return None if self.price is None else self.price.cost(*amounts)


def hours(run: Run, part: str) -> float:
    """Return the node hours of a run for a part of `PARTS`, dedicated and spot."""
    return float(sum(kind[part] for kind in run["nodeSeconds"].values())) / _HOUR_S


def best_of(results: Sequence[VariantResult]) -> set[str]:
    """Return the names of the variants that end and that no other beats in both makespan and effort."""
    ending = [result for result in results if not result.unended]
    found = set()
    for one in ending:
        mine = (one.makespan.p50, one.effort)
        others = [(other.makespan.p50, other.effort) for other in ending if other is not one]
        if not any(_beats(theirs, mine) for theirs in others):
            found.add(one.variant.name)
    return found


def _beats(theirs: tuple[float, float], mine: tuple[float, float]) -> bool:
    return theirs[0] <= mine[0] and theirs[1] <= mine[1] and theirs != mine


def _percentile(values: Sequence[float], percent: float) -> float:
    place = percent / 100 * (len(values) - 1)
    below = int(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (place - below)
