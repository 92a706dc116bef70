"""The tasks that run on a node, the slots they use, and the tasks that ran there."""

from dataclasses import dataclass
from typing import Final, TypeAlias

_MOST_RECENT: Final = 10

TaskOnNode: TypeAlias = tuple[str, str, int]
"""The job id, the task id and the number of the subtask. The number is 0 for the task itself."""


@dataclass(slots=True, kw_only=True)
class NodeLoad:
    """Counts of the tasks of one node. They change in place, so that the node is not copied for each task.

    While `exclusive` is True, the node takes no other task. `recent_tasks` holds the tasks that started or
    ended here last, the latest first.
    """

    used_slots: int = 0
    running_tasks: int = 0
    exclusive: bool = False
    tasks_run: int = 0
    tasks_succeeded: int = 0
    recent_tasks: tuple[TaskOnNode, ...] = ()

    def start_task(self, task: TaskOnNode, slots: int, *, exclusive: bool) -> None:
        """Count a task that starts to run."""
        self.used_slots += slots
        self.running_tasks += 1
        self.exclusive = exclusive
        self._remember(task)

    def end_task(self, task: TaskOnNode, slots: int, *, completed: bool, succeeded: bool) -> None:
        """Count the end of a run. `completed` is True if the task has completed and will not run again."""
        self.used_slots -= slots
        self.running_tasks -= 1
        self.exclusive = False
        self.tasks_run += completed
        self.tasks_succeeded += succeeded
        self._remember(task)

    def clear(self) -> None:
        """Count the end of all runs, which are lost with the node."""
        self.used_slots = self.running_tasks = 0
        self.exclusive = False

    def _remember(self, task: TaskOnNode) -> None:
        others = [known for known in self.recent_tasks if known != task]
        self.recent_tasks = (task, *others[: _MOST_RECENT - 1])
