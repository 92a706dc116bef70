"""What runs on a node, and what ran there."""

from dataclasses import dataclass
from typing import Final, TypeAlias

_MOST_RECENT: Final = 10

TaskOnNode: TypeAlias = tuple[str, str, int]
"""The ids of a job and its task, and the number of the subtask, which is 0 for the task itself."""


@dataclass(slots=True, kw_only=True)
class NodeLoad:
    """The tasks of a node, counted in place: a node is not copied for each run on it.

    A node that runs an `exclusive` task takes no other. `recent_tasks` are those that began or ended here
    last, the latest first.
    """

    used_slots: int = 0
    running_tasks: int = 0
    exclusive: bool = False
    tasks_run: int = 0
    tasks_succeeded: int = 0
    recent_tasks: tuple[TaskOnNode, ...] = ()

    def start_task(self, task: TaskOnNode, slots: int, *, exclusive: bool) -> None:
        """Count a task that begins to run."""
        self.used_slots += slots
        self.running_tasks += 1
        self.exclusive = exclusive
        self._remember(task)

    def end_task(self, task: TaskOnNode, slots: int, *, completed: bool, succeeded: bool) -> None:
        """Count the end of a run; `completed` tells whether the task did with it."""
        self.used_slots -= slots
        self.running_tasks -= 1
        self.exclusive = False
        self.tasks_run += completed
        self.tasks_succeeded += succeeded
        self._remember(task)

    def clear(self) -> None:
        """Count the end of all runs, which are lost."""
        self.used_slots = self.running_tasks = 0
        self.exclusive = False

    def _remember(self, task: TaskOnNode) -> None:
        others = [known for known in self.recent_tasks if known != task]
        self.recent_tasks = (task, *others[: _MOST_RECENT - 1])
