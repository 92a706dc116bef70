"""Simulations as `batchmgr simulate -o json` prints them, without running any."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec

from batchmgr.cli.simulate.result_json import comparison_answer
from batchmgr.simulation.earlier_job import earlier_job
from batchmgr.simulation.job_shape import shape_of_count
from batchmgr.simulation.node_price import NodePrice
from batchmgr.simulation.pool_variant import PoolVariant, fixed_pool
from batchmgr.simulation.simulate import pool_as_it_was, simulate
from tests.dashboard.sample_jobs import Json, SampleJob
from tests.simulation.runs import one_run, plan_of

PRICE = NodePrice(currency="EUR", region="we", as_of="2026-11-01", vm_size="D4", dedicated=0.2, spot=None)
ENDLESS = PoolVariant(name="kills", formula="$TargetDedicatedNodes = 0;")
STEPS = 240


def straight_run(makespan: float, *, tasks: int, nodes: int, **changes: Any) -> Json:
    """A run in which the tasks end one after the other, the last one after `makespan` seconds."""
    running = [min(nodes, tasks - tasks * step // STEPS) for step in range(STEPS)] + [0]
    curves = {
        "seconds": [makespan * step / STEPS for step in range(STEPS + 1)],
        "active": [tasks - tasks * step // STEPS - running[step] for step in range(STEPS + 1)],
        "running": running,
        "nodes": [nodes] * (STEPS + 1),
        "busy": running,
        "target": [nodes] * (STEPS + 1),
    }
    return one_run(makespan, curves=curves, peakNodes=nodes, **changes)


def simulation(tasks: int = 60, makespans: Sequence[float] = (3600, 6000), **plan: Any) -> Json:
    """Pools of 16, 8, … nodes that take so long; and one that never ends the job."""
    pools = [
        fixed_pool(16 // 2**place, spot_share=0, slots=1, eviction_rate=0) for place in range(len(makespans))
    ]
    runs = [
        [straight_run(end * factor, tasks=tasks, nodes=pool.dedicated) for factor in (0.9, 1.0, 1.1)]
        for pool, end in zip(pools, makespans, strict=True)
    ]
    endless = straight_run(7200, tasks=tasks, nodes=4, ended=False, reason="the horizon is reached")
    return _printed([*pools, ENDLESS], [*runs, [endless | {"makespan": 600_000.0}]], tasks, **plan)


def simulation_of(job: SampleJob, *, off: float = 1.0, guesses: tuple[str, ...] = ()) -> Json:
    """This job on twice its nodes, and on its own pool, on which it takes `off` times as long."""
    earlier = replace(earlier_job(job.timeline()), guesses=guesses)
    pools = [fixed_pool(job.nodes * 2, spot_share=0, slots=4, eviction_rate=0), pool_as_it_was(earlier)]
    runs = [
        [straight_run(end, tasks=job.size, nodes=pool.dedicated)]
        for pool, end in zip(pools, (job.length / 2, job.length * off), strict=True)
    ]
    return _printed(pools, runs, job.size, earlier=earlier)


def _printed(pools: Sequence[PoolVariant], runs: Sequence[Sequence[Json]], tasks: int, **plan: Any) -> Json:
    answers = [{"name": pool.name, "runs": some} for pool, some in zip(pools, runs, strict=True)]
    asked = plan_of(*pools, **({"shape": shape_of_count(tasks - 1, "render"), "runs": 3} | plan))
    found: Json = msgspec.to_builtins(comparison_answer(simulate(asked, lambda request: answers)))
    return found
