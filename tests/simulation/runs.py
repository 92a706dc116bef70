"""Runs of a forecast, as a test wants them."""

from typing import Any

from batchmgr.simulation.durations import Duration
from batchmgr.simulation.job_shape import shape_of_count
from batchmgr.simulation.node_price import NodePrice
from batchmgr.simulation.pool_variant import Assumptions, PoolVariant
from batchmgr.simulation.simulate import Plan
from batchmgr.simulation.variant_result import VariantResult

NOTHING = {"held": 0.0, "used": 0.0, "idle": 0.0, "boot": 0.0, "lost": 0.0}
CURVES = {
    "seconds": [0.0, 50.0, 100.0],
    "active": [4, 2, 0],
    "running": [0, 2, 0],
    "nodes": [0, 2, 2],
    "busy": [0, 1, 0],
    "target": [2, 2, 2],
}


def one_run(makespan: float = 100.0, **changes: Any) -> dict[str, Any]:
    """Return a run of 4 tasks, with an hour of a dedicated node."""
    hour = {"held": 3600.0, "used": 1800.0, "idle": 900.0, "boot": 900.0, "lost": 0.0}
    return {
        "ended": True,
        "reason": "",
        "makespan": makespan,
        "tasks": {"succeeded": 4, "failed": 0, "neverRan": 0},
        "requeues": 0,
        "retries": 0,
        "evictions": 0,
        "waits": {"p50": 5.0, "p90": 9.0, "p99": 10.0},
        "nodeSeconds": {"dedicated": hour, "spot": NOTHING},
        "peakNodes": 2,
        "chain": 30.0,
        "work": 160.0,
        "evaluations": 0,
        "zeroWhileWaiting": 0,
        "formulaErrors": {},
        "curves": CURVES,
        **changes,
    }


def result_of(
    *runs: dict[str, Any], price: NodePrice | None = None, name: str = "it", **variant: Any
) -> VariantResult:
    """Return the result of these runs on a pool of two nodes, unless the variant says otherwise."""
    pool = PoolVariant(name=name, **({"dedicated": 2} | variant))
    return VariantResult(variant=pool, runs=runs or (one_run(),), price=price)


def plan_of(*variants: PoolVariant, **changes: Any) -> Plan:
    """Return a plan of four tasks of a minute."""
    shape = shape_of_count(4, "render")
    settings: dict[str, Any] = {
        "job": "renders",
        "shape": shape,
        "durations": {"render": Duration(text="1m"), "FinalizeTask": Duration(text="2s")},
        "variants": variants,
        "assumptions": Assumptions(),
        "runs": 1,
        "seed": 0,
        "horizon_s": 1000.0,
    }
    return Plan(**(settings | changes))
