"""The tasks of a job that wait only for a node."""

from collections import defaultdict
from heapq import heappop, heappush


class ReadyTasks:
    """Tasks in the order of their creation, kept apart by the slots they need.

    So the first task that fits is found without looking at those that do not.
    """

    def __init__(self) -> None:
        self._by_slots: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)

    def push(self, slots: int, number: int, key: str) -> None:
        """Add a task."""
        heappush(self._by_slots[slots], (number, key))

    def pop(self, free_slots: int) -> str | None:
        """Take the oldest task that needs no more than `free_slots`; None if there is none."""
        fitting = [heap for slots, heap in self._by_slots.items() if heap and slots <= free_slots]
        if not fitting:
            return None
        return heappop(min(fitting, key=lambda heap: heap[0]))[1]
