"""What moves the pools that size themselves: it samples their load and evaluates their formulas."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from fakebatch.autoscale.evaluation import Evaluation, EvaluationContext, evaluate
from fakebatch.autoscale.metric_samples import CpuUsage, MetricSamples, current_values
from fakebatch.autoscale.parser import accept_formula
from fakebatch.engine import Engine
from fakebatch.model import pool_entity as pools
from fakebatch.store import PoolRecord
from fakebatch.wire import durations, service_clock, timestamps

_GRACE: Final = timestamps.PER_SECOND // 2
"""Ticks from the request that gives a pool a formula to its first evaluation."""


class Autoscaling:
    """The automatic scaling of the pools. `clock` returns the time in ticks."""

    def __init__(self, engine: Engine, clock: Callable[[], int] = service_clock.now) -> None:
        self._engine = engine
        self._store = engine.store
        self._clock = clock
        self._processor = CpuUsage()
        self._due: dict[str, int] = {}
        self._timer: service_clock.Timer | None = None
        engine.follow(self.look)

    def stop(self) -> None:
        """Evaluate no more formulas."""
        if self._timer is not None:
            self._timer.cancel()

    def restart(self, record: PoolRecord) -> None:
        """Begin the intervals of a pool anew, as its formula or its interval is new."""
        self._due[record.pool.id.lower()] = self._clock() + _GRACE
        self._engine.wake()

    def evaluate(self, record: PoolRecord, formula: str) -> Evaluation:
        """Return what a formula says about a pool, which stays as it is. Raises BatchError."""
        now = self._clock()
        values = self._sample(record, now)
        situation = EvaluationContext(
            now=now,
            dedicated=record.pool.spec["targetDedicatedNodes"],
            low_priority=record.pool.spec["targetLowPriorityNodes"],
            metrics=MetricSamples(record).metrics(values),
            constants={"$TaskSlotsPerNode": float(record.pool.slots_per_node)},
        )
        return evaluate(accept_formula(formula), situation)

    def look(self) -> None:
        """Do for each pool what is due."""
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
                # All that changed is kept when the engine has looked.
                self._engine.wake()
            # A pool is left alone while it is being resized; the end of that makes the engine look again.
            if self._is_due(record, now) and record.pool.allocation_state == "steady":
                self._scale(record)
        self._set_timer(now, scaled)

    def _is_due(self, record: PoolRecord, now: int) -> bool:
        return self._due.setdefault(record.pool.id.lower(), _first_due(record.pool, now)) <= now

    def _scale(self, record: PoolRecord) -> None:
        self._due[record.pool.id.lower()] = self._clock() + _interval(record.pool)
        run = self.evaluate(record, record.pool.spec["autoScaleFormula"])
        record.pool = replace(record.pool, auto_scale_run=run.view())
        targets = {"targetDedicatedNodes": run.dedicated, "targetLowPriorityNodes": run.low_priority}
        if any(record.pool.spec[name] != nodes for name, nodes in targets.items()):
            record.pool = pools.resized(record.pool, targets, self._clock(), run.deallocation)
            self._engine.wake()

    def _sample(self, record: PoolRecord, now: int) -> dict[str, float]:
        """Return the values of a pool's variables now, and keep them if it is time for a sample."""
        name = record.pool.id.lower()
        jobs = [job for job in self._store.jobs if job.job.pool_id.lower() == name]
        values = current_values(record, jobs, self._processor.percent(now))
        MetricSamples(record).add_if_due(now, values)
        return values

    def _set_timer(self, now: int, scaled: list[PoolRecord]) -> None:
        self.stop()
        moments = [MetricSamples(record).due_at for record in scaled]
        # Those that are due wait for the end of a resize.
        moments += [at for at in self._due.values() if at > now]
        if moments:
            wait = max(min(moments) - now, 0) / timestamps.PER_SECOND
            self._timer = service_clock.call_later(wait, self.look, awaited=self._is_awaited())

    def _is_awaited(self) -> bool:
        """Whether tasks wait for nodes that a formula may give."""
        jobs = [record for record in self._store.jobs if record.has_ready_tasks]
        pools = [self._store.pools.get(record.job.pool_id) for record in jobs]
        return any(pool is not None and _is_scaled(pool) for pool in pools)


def _interval(pool: pools.PoolEntity) -> int:
    return durations.parse(pool.spec["autoScaleEvaluationInterval"])


def _first_due(pool: pools.PoolEntity, now: int) -> int:
    """Return when a pool is due that was not looked at before, but may have been before a restart."""
    if pool.auto_scale_run is None:
        return now + _GRACE
    return timestamps.from_iso(pool.auto_scale_run["timestamp"]) + _interval(pool)


def _is_scaled(record: PoolRecord) -> bool:
    return record.pool.state == "active" and bool(record.pool.spec["enableAutoScale"])
