"""Which tasks of a job somebody asks for."""

from dataclasses import dataclass

from batchmgr.model.batch_snapshots import TaskSnapshot
from batchmgr.plan.task_kind import kind_of

STATES = ("active", "preparing", "running", "completed")
RESULTS = {"succeeded": "success", "failed": "failure"}
TASK_STATES = (*STATES, *RESULTS)
"""The words for states: those of Azure Batch, and how a completed task has ended."""


@dataclass(frozen=True, kw_only=True)
class TaskQuery:
    """What the tasks have in common: all of it holds for each. They are in one of the `states`, or in any.

    `error` is the type of the error of a failed task, `node` the id of the node where it ran last.
    """

    states: tuple[str, ...] = ()
    exit_code: int | None = None
    error: str = ""
    kind: str = ""
    node: str = ""

    @property
    def is_selective(self) -> bool:
        """Return whether it says more than Azure Batch can select."""
        return bool(self.error or self.kind or self.node)

    def is_listed(self, task: TaskSnapshot) -> bool:
        """Return whether the task is one of those that Azure Batch selects."""
        is_in_state = any(task.state == state or task.result == RESULTS.get(state) for state in self.states)
        has_exit_code = self.exit_code is None or task.exit_code == self.exit_code
        may_have_error = not self.error or task.result == "failure"
        return (is_in_state or not self.states) and has_exit_code and may_have_error

    def matches(self, task: TaskSnapshot) -> bool:
        """Return whether a task is meant that Azure Batch selects."""
        is_error = not self.error or (task.error is not None and task.error.type == self.error)
        is_kind = not self.kind or kind_of(task.task_id, task.display_name) == self.kind
        return is_error and is_kind and self.node in {"", task.node_id}


ALL_TASKS = TaskQuery()
