"""One run of a forecast: a job on a pool, from its first task to its end, in virtual time."""

import asyncio
import math
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, Final

from fakebatch.bodies.job_bodies import accept_job
from fakebatch.bodies.pool_bodies import accept_pool
from fakebatch.bodies.task_bodies import accept_task
from fakebatch.engine import Engine
from fakebatch.forecast.event_clock import EventClock, EventLoop
from fakebatch.forecast.forecast_request import Request, Variant
from fakebatch.forecast.kind_executor import KindExecutor
from fakebatch.forecast.run_record import RunRecord
from fakebatch.pool_autoscaler import PoolAutoscaler
from fakebatch.pool_nodes import NodeLimit
from fakebatch.quotas import machine_count
from fakebatch.service_delays import ServiceDelays
from fakebatch.spot_node_eviction import SpotNodeEviction
from fakebatch.spot_node_replacement import SpotNodeReplacement
from fakebatch.store import Store
from fakebatch.stored_pool import StoredPool
from fakebatch.wire import durations, service_clock, timestamps

_POOL: Final = "pool"
_JOB: Final = "job"
_LEAD_S: Final = 1800.0
"""Seconds that a pool with a formula is there before the job, apart from a part of its interval."""

_TAIL_S: Final = 7200.0
"""Seconds after the end of the job in which the formula may remove the nodes."""

_STALL_S: Final = 3 * 86_400.0
"""Seconds without the end of a task after which none is expected, unless runs take a third of it or more."""

_CALM: Final = 2
"""Evaluations in a row that change nothing after the end of the job: the formula has settled."""


def run_once(request: Request, variant: Variant, run: int) -> dict[str, Any]:
    """Return how one run of the job goes. The same arguments give the same answer. Raises BatchError."""
    seed = request.seed * 1_000_003 + run
    lead_s = 0.0
    if variant.formula is not None:
        lead_s = _LEAD_S + Random(f"{seed}/lead").uniform(0, variant.interval_s)  # noqa: S311
    clock = EventClock(request.start - int(lead_s * timestamps.PER_SECOND))
    loop = EventLoop(clock)
    try:
        with service_clock.running_on(clock):
            return loop.run_until_complete(_run(request, variant, seed, clock))
    finally:
        loop.close()


async def _run(request: Request, variant: Variant, seed: int, clock: EventClock) -> dict[str, Any]:
    executor = KindExecutor(request, seed)
    delays = _delays(request, variant, seed)
    engine = Engine(Store(), executor, delays=delays, longest_burst_s=math.inf)
    engine.pool_nodes.limit = _limit(variant)
    record = RunRecord(request, variant, engine.store, _POOL, _JOB)
    autoscaler = PoolAutoscaler(
        engine,
        cpu_percent=lambda now: _percent_in_use(engine.store),
        source=Random(f"{seed}/formula"),  # noqa: S311
    )
    helpers = (SpotNodeReplacement(engine), SpotNodeEviction(engine, variant.evictions, seed), autoscaler)
    engine.add_pool(accept_pool(_pool_body(request, variant)))
    if variant.formula is not None:
        await service_clock.sleep((request.start - clock.now()) / timestamps.PER_SECOND)
    _add_job(engine, request)
    record.begin()
    reason = await _end(engine, record, request, executor, clock, is_scaled=variant.formula is not None)
    report = record.report(reason)
    for helper in helpers:
        helper.stop()
    await engine.stop()
    return report


async def _end(
    engine: Engine,
    record: RunRecord,
    request: Request,
    executor: KindExecutor,
    clock: EventClock,
    *,
    is_scaled: bool,
) -> str:
    """Wait until the run is over. Return why it was given up, or nothing if the job has ended."""
    over: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def finish(reason: str) -> None:
        if not over.done():
            over.set_result(reason)

    def look() -> None:
        if record.ended_at is None:
            if not record.is_over:
                return
            record.ended_at = clock.now()
            service_clock.call_later(_TAIL_S, lambda: finish(""), awaited=True)
        if not is_scaled or record.calm >= _CALM:
            finish("")

    def watch() -> None:
        patience = int(max(_STALL_S, 3 * executor.longest_s) * timestamps.PER_SECOND)
        left = record.progress_at + patience - clock.now()
        if left > 0:
            service_clock.call_later(left / timestamps.PER_SECOND, watch, awaited=True)
        elif record.ended_at is None:
            finish(f"no task has ended in {patience // timestamps.PER_SECOND // 3600} hours")

    engine.add_pass_listener(look)
    clock.when_empty = lambda: finish("nothing more can happen")
    service_clock.call_later(request.horizon_s, lambda: finish("the horizon is reached"), awaited=True)
    watch()
    return await over


def _add_job(engine: Engine, request: Request) -> None:
    body = {
        "id": _JOB,
        "poolInfo": {"poolId": _POOL},
        "usesTaskDependencies": True,
        "maxParallelTasks": request.most_parallel_tasks,
    }
    job = engine.add_job(accept_job(body))
    for spec in _task_specs(request, job.job.spec):
        engine.add_task(job, spec)


def _task_specs(request: Request, job_spec: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the properties of each task. They are checked once for all that differ only in their ids."""
    tasks = request.tasks
    checked: dict[tuple[object, ...], dict[str, Any]] = {}
    for index, others in enumerate(tasks.depends_on):
        key = (
            tasks.slots[index],
            tasks.retries[index],
            tasks.nodes[index],
            tasks.limits[index],
            tasks.satisfies[index],
        )
        if key not in checked:
            checked[key] = accept_task(_task_body(*key), job_spec)
        spec = {**checked[key], "id": str(index)}
        if others:
            spec["dependsOn"] = {"taskIds": [str(other) for other in others]}
        yield spec


def _task_body(slots: int, retries: int, nodes: int, limit: float | None, satisfies: bool) -> dict[str, Any]:
    limits: dict[str, Any] = {"maxTaskRetryCount": retries}
    if limit is not None:
        limits["maxWallClockTime"] = durations.render(int(limit * timestamps.PER_SECOND))
    body = {"id": "0", "commandLine": "true", "requiredSlots": slots, "constraints": limits}
    if satisfies:
        body["exitConditions"] = {"default": {"dependencyAction": "satisfy"}}
    if nodes > 1:
        body["multiInstanceSettings"] = {"numberOfInstances": nodes, "coordinationCommandLine": "true"}
    return body


def _pool_body(request: Request, variant: Variant) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": _POOL,
        "vmSize": "standard_d2s_v3",
        "taskSlotsPerNode": variant.slots,
        "enableInterNodeCommunication": max(request.tasks.nodes) > 1,
    }
    if request.start_task is not None and variant.ready_s is None:
        body["startTask"] = {"commandLine": "true", "waitForSuccess": True}
    if variant.formula is None:
        return body | {"targetDedicatedNodes": variant.dedicated, "targetLowPriorityNodes": variant.spot}
    interval = durations.render(int(variant.interval_s * timestamps.PER_SECOND))
    return body | {
        "enableAutoScale": True,
        "autoScaleFormula": variant.formula,
        "autoScaleEvaluationInterval": interval,
    }


def _delays(request: Request, variant: Variant, seed: int) -> ServiceDelays:
    if variant.ready_s is None:
        return ServiceDelays(
            resize=request.resize, boot=request.boot, scheduling=request.scheduling, seed=seed
        )
    ready = iter(variant.ready_s)

    def boot(random: Random) -> float:
        known = next(ready, None)
        return request.boot(random) if known is None else known

    return ServiceDelays(boot=boot, scheduling=request.scheduling, seed=seed)


def _limit(variant: Variant) -> Any:
    """Return the quota of the variant, as the engine asks for it."""

    def limit(record: StoredPool, dedicated: bool) -> NodeLimit | None:
        most = variant.most_nodes[0 if dedicated else 1]
        if most is None:
            return None
        return NodeLimit(max(most - machine_count(record, dedicated=dedicated), 0), "AccountCoreQuotaReached")

    return limit


def _percent_in_use(store: Store) -> float:
    """Return the use of the processors: a task uses its share of a node, wholly."""
    nodes = [node for pool in store.pools for node in pool.nodes if node.phase == "ready"]
    slots = sum(node.slots for node in nodes)
    return 100 * sum(node.load.used_slots for node in nodes) / slots if slots else 0.0
