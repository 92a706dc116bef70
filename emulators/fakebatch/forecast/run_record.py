"""What is noted of a run of a forecast, from each change of its pool, its nodes and its tasks."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from fakebatch.forecast.curves import Curves
from fakebatch.forecast.forecast_request import Request, Variant
from fakebatch.forecast.node_ledger import NodeLedger
from fakebatch.forecast.task_log import TaskLog, percentile
from fakebatch.model.pool_entity import PoolEntity
from fakebatch.store import Store
from fakebatch.wire import service_clock, timestamps


class RunRecord:
    """Listens to the changes of a store with one job and one pool, from `request.start` on.

    `calm` counts the evaluations after the end of the job that left the targets as they were.
    """

    def __init__(self, request: Request, variant: Variant, store: Store, pool_id: str, job_id: str) -> None:
        self._start = request.start
        self._store, self._pool_id, self._job_id = store, pool_id, job_id
        self._total = len(request.tasks)
        self.ledger = NodeLedger()
        self.log = TaskLog(request.tasks, self.ledger, variant.slots, request.start)
        self._curves = Curves(request.start)
        self._evaluation: Mapping[str, Any] | None = None
        self._counts: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self.progress_at = request.start
        self.ended_at: int | None = None
        self.calm = 0
        self._has_begun = False
        store.set_listener(self._changed)

    def begin(self) -> None:
        """Forget what the pool did before the job."""
        self.ledger.begin(service_clock.now())
        self._has_begun = True
        self._add_point()

    @property
    def is_over(self) -> bool:
        """Whether no task runs, and none can start any more."""
        job = self._store.jobs[self._job_id]
        return not job.running and not job.ready_tasks()

    def report(self, reason: str) -> dict[str, Any]:
        """Close the books, and return what is known of the run, as JSON. Times are in seconds."""
        now, job = service_clock.now(), self._store.jobs[self._job_id]
        end = self.ended_at or now
        self.log.close(now)
        self.ledger.end(now)
        waits, counts = self.log.waits(), job.counts()["taskCounts"]
        return {
            "ended": self.ended_at is not None,
            "reason": reason,
            "makespan": (end - self._start) / timestamps.PER_SECOND,
            "tasks": {
                "succeeded": counts["succeeded"],
                "failed": counts["failed"],
                "neverRan": self._total - counts["completed"],
            },
            "requeues": sum(task.requeues for task in job.tasks),
            "retries": sum(task.retries for task in job.tasks),
            "evictions": self._counts["evictions"],
            "waits": {f"p{percent}": percentile(waits, percent) for percent in (50, 90, 99)},
            "nodeSeconds": {
                "dedicated": self.ledger.totals(dedicated=True),
                "spot": self.ledger.totals(dedicated=False),
            },
            "peakNodes": self.ledger.peak,
            "chain": self.log.chain_s(),
            "work": self.log.work_s(),
            "evaluations": self._counts["evaluations"],
            "zeroWhileWaiting": self._counts["zero while waiting"],
            "formulaErrors": dict(self._errors),
            "curves": self._curves.sampled(end if self.ended_at else min(end, self._last_of_interest())),
        }

    def _last_of_interest(self) -> int:
        """Return the end of the curves of a run that was given up: a while after the last end of a task."""
        return self._start + 2 * max(self.progress_at - self._start, 3600 * timestamps.PER_SECOND)

    def _changed(self, *change: str) -> None:
        now = service_clock.now()
        match change:
            case "node", _, node_id:
                node = self._store.pools[self._pool_id].nodes[node_id]
                if self.ledger.changed(node, now) and node.phase == "preempted":
                    self._counts["evictions"] += 1
            case "gone", "node", _, node_id:
                self.ledger.gone(node_id, now)
            case (("new task" | "task"), job_id, task_id):
                if self.log.changed(self._store.jobs[job_id].tasks[task_id], now):
                    self.progress_at = now
            case "pool", pool_id:
                self._pool_changed(self._store.pools[pool_id].pool)
            case _:
                return
        if self._has_begun:
            self._add_point()

    def _pool_changed(self, pool: PoolEntity) -> None:
        run = pool.auto_scale_run
        if run is None or run is self._evaluation or self._job_id not in self._store.jobs:
            return
        self._evaluation = run
        self._counts["evaluations"] += 1
        if "error" in run:
            self._errors[str(run["error"]["values"][0]["value"])] += 1
        if self.ended_at is not None:
            targets = _targets(run)
            same = (pool.target(dedicated=True), pool.target(dedicated=False)) == targets
            self.calm = self.calm + 1 if same else 0
        elif not sum(_targets(run)) and self._store.jobs[self._job_id].ready_tasks():
            self._counts["zero while waiting"] += 1

    def _add_point(self) -> None:
        pool = self._store.pools[self._pool_id].pool
        running = len(self.log.running)
        self._curves.add(
            service_clock.now(),
            active=len(self._store.jobs[self._job_id].tasks) - len(self.log.ended) - running,
            running=running,
            nodes=self.ledger.machines,
            busy=len(self.log.on_node),
            target=pool.target(dedicated=True) + pool.target(dedicated=False),
        )


def _targets(run: Mapping[str, Any]) -> tuple[int, int]:
    """Return the targets for dedicated and spot nodes that an evaluation has set."""
    values = dict(part.split("=", 1) for part in run["results"].split(";")[:2])
    return int(values["$TargetDedicatedNodes"]), int(values["$TargetLowPriorityNodes"])
