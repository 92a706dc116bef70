"""The comparison as JSON: for scripts, and for a dashboard that draws its curves."""

from __future__ import annotations

from typing import Any

from batchmgr.simulation.simulate import Comparison
from batchmgr.simulation.variant_result import PARTS, VariantResult

_CURVES = {
    "seconds": "seconds",
    "waiting": "active",
    "running": "running",
    "nodes": "nodes",
    "target": "target",
}


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """Return the JSON. Times are in seconds, and spreads have p10, p50 and p90 over the runs."""
    plan, price = comparison.plan, comparison.plan.price
    found: dict[str, Any] = {
        "job": {
            "name": plan.job,
            "tasks": len(plan.shape),
            "kinds": [
                {
                    "name": kind,
                    "tasks": count,
                    "duration": plan.durations[kind].shown,
                    "typicalSeconds": plan.durations[kind].typical_s,
                    "failure": plan.durations[kind].failure,
                }
                for kind, count in plan.shape.counts.items()
            ],
        },
        "assumptions": {
            "resize": plan.assumptions.resize,
            "boot": plan.assumptions.boot,
            "startTask": plan.assumptions.start_task,
            "scheduling": plan.assumptions.scheduling,
        },
        "runs": plan.runs,
        "seed": plan.seed,
        "horizonSeconds": plan.horizon_s,
        "variants": [
            _variant(result, comparison.warnings[result.variant.name]) for result in comparison.results
        ],
    }
    if price is not None:
        found["prices"] = {
            "currency": price.currency,
            "region": price.region,
            "asOf": price.as_of,
            "vmSize": price.vm_size,
            "dedicated": price.dedicated,
            "spot": price.spot,
        }
    result, earlier = comparison.prediction, plan.earlier
    if result is not None and earlier is not None:
        found["prediction"] = {
            "jobId": earlier.job_id,
            "predictedSeconds": result.makespan.as_json(),
            "realSeconds": earlier.makespan_s,
            "hasEnded": earlier.has_ended,
            "guesses": list(earlier.guesses),
        }
    return found


def _variant(result: VariantResult, warnings: Any) -> dict[str, Any]:
    cost, middle = result.cost, result.middle
    return {
        "name": result.variant.name,
        "best": result.is_best,
        "ended": len(result.runs) - result.unended,
        "runs": len(result.runs),
        "makespanSeconds": result.makespan.as_json(),
        "lowerBoundSeconds": result.bound.as_json(),
        "listSchedulingSeconds": None if result.list_bound is None else result.list_bound.as_json(),
        "nodeHours": {part: result.node_hours(part).as_json(4) for part in PARTS},
        "utilisation": result.share("used").as_json(4),
        "cost": None if cost is None else {"used": cost[0].as_json(4), "rest": cost[1].as_json(4)},
        "waitSeconds": {f"p{percent}": result.wait(percent).as_json() for percent in (50, 90, 99)},
        "requeues": result.spread(lambda run: run["requeues"]).as_json(),
        "retries": result.spread(lambda run: run["retries"]).as_json(),
        "evictions": result.spread(lambda run: run["evictions"]).as_json(),
        "failedTasks": result.spread(lambda run: run["tasks"]["failed"]).as_json(),
        "peakNodes": result.spread(lambda run: run["peakNodes"]).as_json(),
        "warnings": list(warnings),
        "curves": {name: middle["curves"][column] for name, column in _CURVES.items()},
    }
