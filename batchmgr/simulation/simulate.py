"""The whole simulation: a job, how long its tasks take, and the pools to try it on become one comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from batchmgr.simulation.durations import Duration
from batchmgr.simulation.earlier_job import EarlierJob
from batchmgr.simulation.job_shape import JobShape
from batchmgr.simulation.node_price import NodePrice
from batchmgr.simulation.pool_variant import Assumptions, PoolVariant
from batchmgr.simulation.variant_result import VariantResult, best_of
from batchmgr.simulation.warnings import warnings_of

AS_IT_WAS = "as it was"
"""The name of the variant that has the nodes of the earlier job, when they were there."""

Forecast = Callable[[dict[str, Any]], list[dict[str, Any]]]
"""Runs a forecast: see `forecast_process`."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is simulated. `start` is when the job comes, in ISO 8601; None: whenever the forecast likes."""

    job: str
    shape: JobShape
    durations: Mapping[str, Duration]
    variants: Sequence[PoolVariant]
    assumptions: Assumptions
    runs: int
    seed: int
    horizon_s: float
    start: str | None = None
    price: NodePrice | None = None
    earlier: EarlierJob | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the request for the forecast."""
        return {
            "tasks": self.shape.as_json(),
            "kinds": [self.durations[kind].as_json(kind) for kind in self.shape.kinds],
            "variants": [variant.as_json() for variant in self.variants],
            "assumptions": self.assumptions.as_json(),
            "runs": self.runs,
            "seed": self.seed,
            "horizonSeconds": self.horizon_s,
            "maxParallelTasks": self.shape.max_parallel_tasks,
            **({} if self.start is None else {"start": self.start}),
        }


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The results of all variants, in their order, and the warnings of each."""

    plan: Plan
    results: Sequence[VariantResult]
    warnings: Mapping[str, Sequence[str]]

    @property
    def prediction(self) -> VariantResult | None:
        """The result on the nodes of the earlier job, to compare with what that job took."""
        return next((result for result in self.results if result.variant.name == AS_IT_WAS), None)


def simulate(plan: Plan, forecast: Forecast) -> Comparison:
    """Return how the job goes on each pool. Raise SimulationError for what can't be simulated."""
    found = forecast(plan.as_json())
    results = [
        VariantResult(variant=variant, runs=answer["runs"], price=plan.price)
        for variant, answer in zip(plan.variants, found, strict=True)
    ]
    best = best_of(results) if len(results) > 1 else set()
    marked = [replace(result, is_best=result.variant.name in best) for result in results]
    return Comparison(
        plan=plan,
        results=marked,
        warnings={
            result.variant.name: list(warnings_of(result, plan.shape, plan.durations)) for result in marked
        },
    )


def pool_as_it_was(earlier: EarlierJob) -> PoolVariant:
    """Return the pool of an earlier job: its nodes are ready when they were."""
    ready = [max(at - earlier.scheduling_s, 0.0) for at in earlier.ready]
    return PoolVariant(name=AS_IT_WAS, dedicated=len(ready), slots=earlier.slots, ready=ready)
