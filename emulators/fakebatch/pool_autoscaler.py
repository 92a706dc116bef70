"""The autoscaler: it samples the load of pools, evaluates their formulas, and resizes them."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Final

from fakebatch.autoscale.evaluation import Evaluation, EvaluationContext, evaluate
from fakebatch.autoscale.metric_samples import CpuUsage, MetricSamples, current_values
from fakebatch.autoscale.parser import accept_formula
from fakebatch.engine import Engine
from fakebatch.model import pool_entity as pools
from fakebatch.stored_pool import StoredPool
from fakebatch.wire import durations, service_clock, timestamps

_GRACE: Final = timestamps.PER_SECOND // 2
"""Ticks between the request that sets a formula and its first evaluation."""


class PoolAutoscaler:
    """Scales the pools that have a formula.

    `clock` returns the time in ticks, `cpu_percent` the use of the processors at such a time, and `source`
    has the random numbers of formulas.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Callable[[], int] = service_clock.now,
        *,
        cpu_percent: Callable[[int], float | None] | None = None,
        source: Random | None = None,
    ) -> None:
        self._engine = engine
        self._store = engine.store
        self._clock = clock
        self._cpu_percent = cpu_percent or CpuUsage().percent
        self._source = source or Random()  # noqa: S311
        self._due: dict[str, int] = {}
        self._timer: service_clock.Timer | None = None
        engine.add_pass_listener(self.advance_due)

    def stop(self) -> None:
        """Stop the timer: no more formulas are evaluated."""
        if self._timer is not None:
            self._timer.cancel()

    def restart(self, record: StoredPool) -> None:
        """Restart the interval of a pool, because its formula or its interval has changed."""
        self._due[record.pool.id.lower()] = self._clock() + _GRACE
        self._engine.wake()

    def evaluate(self, record: StoredPool, formula: str) -> Evaluation:
        """Evaluate a formula for a pool, without resizing it. Raises BatchError."""
        now = self._clock()
        values = self._sample(record, now)
        situation = EvaluationContext(
            now=now,
            dedicated=record.pool.spec["targetDedicatedNodes"],
            low_priority=record.pool.spec["targetLowPriorityNodes"],
            metrics=MetricSamples(record).metrics(values),
            constants={"$TaskSlotsPerNode": float(record.pool.slots_per_node)},
            source=self._source,
        )
        return evaluate(accept_formula(formula), situation)

    def advance_due(self) -> None:
        """Take the samples and make the evaluations that are due."""
        scaled = []
        for record in self._store.pools:
            if _is_scaled(record):
                scaled.append(record)
            else:
                record.forget_samples()
        if not scaled and not self._due:
            return
        now = self._clock()
        keys = {record.pool.id.lower() for record in scaled}
        self._due = {key: at for key, at in self._due.items() if key in keys}
        for record in scaled:
            if MetricSamples(record).is_due(now):
                self._sample(record, now)
                # Changes are saved after the next pass of the engine.
                self._engine.wake()
            # While a pool is being resized, its evaluation waits. The end of the resize starts a pass.
            if self._is_due(record, now) and record.pool.allocation_state == "steady":
                self._scale(record)
        self._set_timer(now, scaled)

    def _is_due(self, record: StoredPool, now: int) -> bool:
        return self._due.setdefault(record.pool.id.lower(), _first_due(record.pool, now)) <= now

    def _scale(self, record: StoredPool) -> None:
        self._due[record.pool.id.lower()] = self._clock() + _interval(record.pool)
        run = self.evaluate(record, record.pool.spec["autoScaleFormula"])
        record.pool = replace(record.pool, auto_scale_run=run.view())
        targets = {"targetDedicatedNodes": run.dedicated, "targetLowPriorityNodes": run.low_priority}
        if any(record.pool.spec[name] != nodes for name, nodes in targets.items()):
            record.pool = pools.resized(record.pool, targets, self._clock(), run.deallocation)
            self._engine.wake()

    def _sample(self, record: StoredPool, now: int) -> dict[str, float]:
        """Return the current values of a pool's variables, and store them if a sample is due."""
        name = record.pool.id.lower()
        jobs = [job for job in self._store.jobs if job.job.pool_id.lower() == name]
        values = current_values(record, jobs, self._cpu_percent(now))
        MetricSamples(record).add_if_due(now, values)
        return values

    def _set_timer(self, now: int, scaled: list[StoredPool]) -> None:
        self.stop()
        moments = [MetricSamples(record).due_at for record in scaled]
        # Evaluations that are already due wait for the end of a resize.
        moments += [at for at in self._due.values() if at > now]
        if moments:
            wait = max(min(moments) - now, 0) / timestamps.PER_SECOND
            self._timer = service_clock.call_later(wait, self.advance_due, awaited=self._is_awaited())

    def _is_awaited(self) -> bool:
        """Whether tasks wait for nodes that a formula may add."""
        jobs = [record for record in self._store.jobs if record.has_ready_tasks]
        pools = [self._store.pools.get(record.job.pool_id) for record in jobs]
        return any(pool is not None and _is_scaled(pool) for pool in pools)


def _interval(pool: pools.PoolEntity) -> int:
    return durations.parse(pool.spec["autoScaleEvaluationInterval"])


def _first_due(pool: pools.PoolEntity, now: int) -> int:
    """Return when a pool is first due in this process. It may have been evaluated before a restart."""
    if pool.auto_scale_run is None:
        return now + _GRACE
    return timestamps.from_iso(pool.auto_scale_run["timestamp"]) + _interval(pool)


def _is_scaled(record: StoredPool) -> bool:
    return record.pool.state == "active" and bool(record.pool.spec["enableAutoScale"])
