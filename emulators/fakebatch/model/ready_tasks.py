"""The tasks of a job that are ready to run and wait only for a node."""

from collections import defaultdict
from collections.abc import Callable
from heapq import heappop, heappush

from fakebatch.model.task_requirements import TaskRequirements


class ReadyTasks:
    """Tasks in the order of their creation, with one heap for each set of requirements.

    The oldest task that fits is found without a look at the tasks that do not fit.
    """

    def __init__(self) -> None:
        self._by_requirements: defaultdict[TaskRequirements, list[tuple[int, str]]] = defaultdict(list)

    def push(self, required: TaskRequirements, number: int, key: str) -> None:
        """Add a task."""
        heappush(self._by_requirements[required], (number, key))

    @property
    def is_empty(self) -> bool:
        """Whether there is no task. Deleted tasks may still be counted."""
        return not any(self._by_requirements.values())

    def on_several_nodes(self) -> list[tuple[str, int]]:
        """Return the tasks that need more than one node, each with the number of nodes."""
        several = [(required, heap) for required, heap in self._by_requirements.items() if required.nodes > 1]
        return [(key, required.nodes) for required, heap in several for _, key in heap]

    def pop(self, fits: Callable[[TaskRequirements], bool]) -> str | None:
        """Remove and return the oldest task whose requirements fit, or None if there is none."""
        fitting = [heap for required, heap in self._by_requirements.items() if heap and fits(required)]
        if not fitting:
            return None
        return heappop(min(fitting, key=lambda heap: heap[0]))[1]
