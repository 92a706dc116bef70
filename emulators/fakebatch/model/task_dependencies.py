"""The dependencies between the tasks of a job (`dependsOn`): which tasks still wait for others."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any


class TaskDependencies:
    """The dependencies between the tasks of one job. Ids are in lower case.

    For each waiting task there is a count of the upstream tasks that are missing. Upstream tasks need not
    exist yet.

    A range selects the ids that are integers. Leading zeros do not count: 4, 04 and 004 are task 4 to a
    range, and the first of them to be satisfied satisfies it.
    Source: https://learn.microsoft.com/azure/batch/batch-task-dependencies#task-id-range
    """

    def __init__(self) -> None:
        self._missing: dict[str, int] = {}
        self._dependents: defaultdict[str, list[str]] = defaultdict(list)
        self._ranges: list[tuple[int, int, str]] = []
        self._satisfied: set[str] = set()
        self._satisfied_numbers: list[int] = []

    def add(self, task: str, depends_on: Mapping[str, Any]) -> None:
        """Add a task and the tasks it waits for, from its `dependsOn` property."""
        missing = 0
        for upstream in {name.lower() for name in depends_on.get("taskIds", ())}:
            if upstream not in self._satisfied:
                self._dependents[upstream].append(task)
                missing += 1
        for span in depends_on.get("taskIdRanges", ()):
            start, end = span["start"], span["end"]
            numbers = self._satisfied_numbers
            missing += end - start + 1 - (bisect_right(numbers, end) - bisect_left(numbers, start))
            self._ranges.append((start, end, task))
        if missing:
            self._missing[task] = missing

    @property
    def satisfied(self) -> Collection[str]:
        """The upstream tasks that no longer block their dependents."""
        return self._satisfied

    def is_waiting(self, task: str) -> bool:
        """Return whether the task still waits for another task."""
        return task in self._missing

    def waiting(self) -> list[str]:
        """Return the tasks that still wait for another task."""
        return list(self._missing)

    def satisfy(self, upstream: str) -> list[str]:
        """Mark an upstream task as satisfied, and return the tasks that now wait for nothing."""
        if upstream in self._satisfied:
            return []
        self._satisfied.add(upstream)
        released = self._dependents.pop(upstream, [])
        if upstream.isdecimal():
            released += self._satisfy_number(int(upstream))
        return [task for task in released if self._count_down(task)]

    def forget(self, task: str) -> None:
        """Remove a task that was deleted."""
        self._missing.pop(task, None)
        self._ranges = [span for span in self._ranges if span[2] != task]

    def _satisfy_number(self, number: int) -> list[str]:
        """Return the tasks with a range that waited for this number, one entry for each range."""
        at = bisect_left(self._satisfied_numbers, number)
        if self._satisfied_numbers[at : at + 1] == [number]:
            return []  # a task with the same number and other leading zeros was first
        self._satisfied_numbers.insert(at, number)
        return [task for start, end, task in self._ranges if start <= number <= end]

    def _count_down(self, task: str) -> bool:
        if task not in self._missing:
            return False
        self._missing[task] -= 1
        if self._missing[task]:
            return False
        del self._missing[task]
        return True
