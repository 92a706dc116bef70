"""The runs of the tasks of a forecast: when each task started and ended, and what was lost."""

from collections import Counter
from collections.abc import Sequence

from fakebatch.forecast.forecast_request import Tasks
from fakebatch.forecast.node_ledger import NodeLedger
from fakebatch.model.task_entity import TaskEntity
from fakebatch.wire import timestamps


class TaskLog:
    """Follows the tasks of a job from its start, a time in ticks, and books their runs on the nodes.

    `on_node` is how many tasks run on each node that runs any.
    """

    def __init__(self, tasks: Tasks, ledger: NodeLedger, slots: int, start: int) -> None:
        self._tasks = tasks
        self._ledger = ledger
        self._slots = slots
        self._start = start
        self.running: dict[int, tuple[int, str]] = {}
        self.on_node: Counter[str] = Counter()
        self.started: dict[int, int] = {}
        self.ended: dict[int, int] = {}

    def changed(self, task: TaskEntity, now: int) -> bool:
        """Note the new value of a task. Return whether it has completed."""
        index = int(task.id)
        run = self._left(index)
        if task.state == "running" and task.placement is not None:
            node_id = task.placement.node_id
            self.running[index] = (now, node_id)
            self.on_node[node_id] += 1
            return False
        if run is not None:
            self._book(index, run, now, is_lost=task.state != "completed")
        if task.state != "completed":
            return False
        self.started[index] = now if run is None else run[0]
        self.ended[index] = now
        return True

    def close(self, now: int) -> None:
        """Book the runs that go on as lost: the forecast was given up."""
        for index, run in self.running.items():
            self._book(index, run, now, is_lost=True)
        self.running.clear()

    def waits(self) -> list[float]:
        """Return the seconds that each completed task waited for a node, sorted.

        A task waits from the start of the job, or the end of the last task that it depends on, to the start
        of its last run.
        """
        found = []
        for index, started in self.started.items():
            upstream = [self.ended[other] for other in self._tasks.depends_on[index] if other in self.ended]
            found.append((started - max(upstream, default=self._start)) / timestamps.PER_SECOND)
        return sorted(found)

    def chain_s(self) -> float:
        """Return the seconds of the longest chain of tasks that depend on each other."""
        lengths: dict[int, float] = {}
        for index in sorted(self.ended, key=self.ended.__getitem__):
            own = (self.ended[index] - self.started[index]) / timestamps.PER_SECOND
            lengths[index] = own + max(
                (lengths.get(o, 0.0) for o in self._tasks.depends_on[index]), default=0.0
            )
        return max(lengths.values(), default=0.0)

    def work_s(self) -> float:
        """Return the slot seconds of all completed tasks. One on several nodes uses all slots of each."""
        ticks = sum((self.ended[index] - self.started[index]) * self._share(index) for index in self.ended)
        return ticks * self._slots / timestamps.PER_SECOND

    def _left(self, index: int) -> tuple[int, str] | None:
        """Return the run of a task that goes on no more, if it ran."""
        run = self.running.pop(index, None)
        if run is not None:
            _, node_id = run
            self.on_node[node_id] -= 1
            if not self.on_node[node_id]:
                del self.on_node[node_id]
        return run

    def _share(self, index: int) -> float:
        """Return the share of nodes that a task uses."""
        return max(self._tasks.nodes[index], 1) * self._tasks.slots[index] / self._slots

    def _book(self, index: int, run: tuple[int, str], now: int, *, is_lost: bool) -> None:
        since, node_id = run
        entry = self._ledger.nodes[node_id]
        amount = (now - since) * self._share(index)
        if is_lost:
            entry.lost += amount
        else:
            entry.used += amount


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Return a percentile of sorted values, interpolated; None if there is none."""
    if not values:
        return None
    place = percent / 100 * (len(values) - 1)
    below = int(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (place - below)
