"""The tasks of a job that wait only for nodes."""

from collections import defaultdict
from collections.abc import Callable
from heapq import heappop, heappush

from fakebatch.model.task_requirements import TaskRequirements


class ReadyTasks:
    """Tasks in the order of their creation, kept apart by what they need.

    So the first task that fits is found without looking at those that do not.
    """

    def __init__(self) -> None:
        self._by_need: defaultdict[TaskRequirements, list[tuple[int, str]]] = defaultdict(list)

    def push(self, need: TaskRequirements, number: int, key: str) -> None:
        """Add a task."""
        heappush(self._by_need[need], (number, key))

    @property
    def is_empty(self) -> bool:
        """Whether there is no task; one that was deleted may still be counted."""
        return not any(self._by_need.values())

    def on_several_nodes(self) -> list[tuple[str, int]]:
        """Return the tasks that need more than one node, each with how many it needs."""
        several = [(need, heap) for need, heap in self._by_need.items() if need.nodes > 1]
        return [(key, need.nodes) for need, heap in several for _, key in heap]

    def pop(self, fits: Callable[[TaskRequirements], bool]) -> str | None:
        """Take the oldest task whose need fits; None if there is none."""
        fitting = [heap for need, heap in self._by_need.items() if heap and fits(need)]
        if not fitting:
            return None
        return heappop(min(fitting, key=lambda heap: heap[0]))[1]
