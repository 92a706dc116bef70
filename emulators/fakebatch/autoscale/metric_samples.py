"""The metrics of a pool that formulas read with GetSample. A sample is taken every 30 seconds."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final, overload

from fakebatch.autoscale.formula_values import PERIOD, Metric
from fakebatch.stored_job import StoredJob
from fakebatch.stored_pool import StoredPool

# All nodes run on this machine, so their use of memory, disks and network cannot be told apart. The use of
# its processors stands for that of all nodes, if the system reports it.
_UNKNOWN: Final = (
    "$CPUPercent",
    "$WallClockSeconds",
    "$MemoryBytes",
    "$DiskBytes",
    "$DiskReadBytes",
    "$DiskWriteBytes",
    "$DiskReadOps",
    "$DiskWriteOps",
    "$NetworkInBytes",
    "$NetworkOutBytes",
)


class MetricSamples:
    """The samples of the metrics of one pool."""

    def __init__(self, record: StoredPool) -> None:
        self._record = record

    @property
    def due_at(self) -> int:
        """The time of the next sample in ticks."""
        samples = self._record.samples
        return next(reversed(samples)) + PERIOD if samples else 0

    def is_due(self, now: int) -> bool:
        """Return whether it is time for the next sample."""
        return now >= self.due_at

    def add_if_due(self, now: int, values: Mapping[str, float]) -> None:
        """Add a sample if it is time for the next one."""
        if self.is_due(now):
            self._record.add_sample(now, dict(values))

    def metrics(self, values: Mapping[str, float]) -> dict[str, Metric]:
        """Return all service-defined variables that have samples. `values` are their current values."""
        known = {
            name: Metric(name=name, samples=_Column(self._record.samples, name), current=current)
            for name, current in values.items()
        }
        return {name: Metric(name=name) for name in _UNKNOWN} | known


class _Column(Sequence[tuple[int, float]]):
    """The samples of one metric. They are collected when they are read: a formula reads few of them."""

    def __init__(self, samples: Mapping[int, Mapping[str, float]], name: str) -> None:
        self._samples = samples
        self._name = name

    @cached_property
    def _values(self) -> list[tuple[int, float]]:
        name = self._name
        return [(at, sample[name]) for at, sample in self._samples.items() if name in sample]

    @overload
    def __getitem__(self, place: int) -> tuple[int, float]: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[tuple[int, float]]: ...
    def __getitem__(self, place: int | slice) -> tuple[int, float] | Sequence[tuple[int, float]]:
        return self._values[place]

    def __len__(self) -> int:
        return len(self._values)


def current_values(pool: StoredPool, jobs: list[StoredJob], cpu_percent: float | None) -> dict[str, float]:
    """Return the current values of a pool's variables. `jobs` are the jobs that run on the pool."""
    counts = [record.counts()["taskCounts"] for record in jobs]
    active = sum(record.ready_tasks() for record in jobs)
    running = sum(count["running"] for count in counts)
    states = [(node.dedicated, node.state) for node in pool.nodes]
    values = {
        "$ActiveTasks": active,
        "$RunningTasks": running,
        "$PendingTasks": active + running,
        "$SucceededTasks": sum(count["succeeded"] for count in counts),
        "$FailedTasks": sum(count["failed"] for count in counts),
        "$CurrentDedicatedNodes": sum(dedicated for dedicated, _ in states),
        "$CurrentLowPriorityNodes": sum(not dedicated for dedicated, _ in states),
        "$PreemptedNodeCount": sum(state == "preempted" for _, state in states),
        "$SampleNodeCount": len(states),
    }
    shown = {name: float(value) for name, value in values.items()}
    return shown if cpu_percent is None else shown | {"$CPUPercent": cpu_percent}


class CpuUsage:
    """The use of this machine's processors, which stand for those of all nodes."""

    def __init__(self) -> None:
        self._times = _times()
        self._measured_at = 0
        self._percent: float | None = None

    def percent(self, now: int) -> float | None:
        """Return the percentage of the last sample period in which they were in use, or None if unknown."""
        if now - self._measured_at >= PERIOD:
            before, self._times = self._times, _times()
            self._measured_at = now
            if before is not None and self._times is not None and self._times[1] > before[1]:
                self._percent = 100 * (self._times[0] - before[0]) / (self._times[1] - before[1])
        return self._percent


def _times() -> tuple[int, int] | None:
    """Return the processor time in use and the total, in the units of the system. None if it is unknown."""
    try:
        with Path("/proc/stat").open() as file:
            spent = [int(part) for part in file.readline().split()[1:9]]
    except (OSError, ValueError):
        return None
    idle = spent[3] + spent[4]
    return sum(spent) - idle, sum(spent)
