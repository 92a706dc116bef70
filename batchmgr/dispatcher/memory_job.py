"""One Azure Batch job in memory: its tasks, their states, and which of them are ready to start."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from batchmgr.model.batch_snapshots import TaskError, TaskSnapshot
from batchmgr.plan.job_plan import JobPlan, TaskPlan

NODE_ID = "local"
"""The id of this machine in events."""

FAILURE_EXIT_CODE = TaskError(
    type="FailureExitCode",
    category="UserError",
    message="The task exited with an exit code representing a failure (Message: The task process exited with "
    "an unexpected exit code; AdditionalErrorCode: FailureExitCode)",
)
TASK_ENDED = TaskError(type="TaskEnded", category="UserError", message="Task Was Ended by User Request")


@dataclass(frozen=True, kw_only=True)
class TaskExit:
    """How one run of a task ended. `exit_code` is None if the command did not start or did not end."""

    exit_code: int | None = None
    error: TaskError | None = None

    @classmethod
    def exited(cls, exit_code: int) -> "TaskExit":
        """Return the exit of a command that ended by itself."""
        return cls(exit_code=exit_code, error=FAILURE_EXIT_CODE if exit_code else None)

    @property
    def is_retryable(self) -> bool:
        """Return whether Azure Batch may retry the task. It retries only after a non-zero exit code."""
        return self.error is not None and self.error.type == FAILURE_EXIT_CODE.type


@dataclass(kw_only=True)
class MemoryJob:
    """A Batch job. `waiting` are its active tasks, in the order in which they were added.

    `kinds` counts its tasks by their kind. `satisfied` are removed tasks that no task waits for.
    """

    plan: JobPlan
    digest: str
    state: str = "active"
    terminate_reason: str = ""
    state_transition_time: datetime | None = None
    ends_when_done: bool = False
    tasks: dict[str, TaskPlan] = field(default_factory=dict)
    snapshots: dict[str, TaskSnapshot] = field(default_factory=dict)
    waiting: dict[str, TaskPlan] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    satisfied: set[str] = field(default_factory=set)

    def add(self, task: TaskPlan, now: datetime) -> None:
        """Add a task in the state `active`."""
        self.tasks[task.id] = task
        self.set(
            TaskSnapshot(
                task_id=task.id,
                state="active",
                state_transition_time=now,
                display_name=task.display_name,
                creation_time=now,
                required_slots=task.required_slots,
            )
        )

    def remove(self, task_id: str) -> None:
        """Remove a task. Tasks that wait for it never start, unless it has satisfied them before."""
        if self._is_satisfied(task_id):
            self.satisfied.add(task_id)
        self.tasks.pop(task_id, None)
        self.waiting.pop(task_id, None)
        snapshot = self.snapshots.pop(task_id, None)
        if snapshot is not None:
            self.kinds[_kind(snapshot)] -= 1

    def set(self, task: TaskSnapshot) -> None:
        """Replace the task's snapshot."""
        old = self.snapshots.get(task.task_id)
        if old is not None:
            self.kinds[_kind(old)] -= 1
        self.kinds[_kind(task)] += 1
        self.snapshots[task.task_id] = task
        if task.state == "active":
            self.waiting[task.task_id] = self.tasks[task.task_id]
        else:
            self.waiting.pop(task.task_id, None)

    def is_ready(self, task: TaskPlan) -> bool:
        """Return whether the task may start.

        It may when each task it depends on has completed, and none has failed in a way that blocks others.
        """
        return all(parent in self.satisfied or self._is_satisfied(parent) for parent in task.depends_on)

    def _is_satisfied(self, task_id: str) -> bool:
        done = self.snapshots.get(task_id)
        if done is None or done.state != "completed":
            return False
        return done.has_succeeded or not self.tasks[task_id].blocks_after_failure(done.exit_code)

    def end_if_done(self) -> None:
        """Complete the job if all its tasks have and it was asked to end then."""
        is_done = self.kinds["succeeded"] + self.kinds["failed"] == len(self.snapshots)
        if self.ends_when_done and is_done and self.state == "active":
            self.state, self.terminate_reason = "completed", "AllTasksComplete"


def _kind(task: TaskSnapshot) -> str:
    """Return what the task is counted as."""
    if task.state == "completed":
        return "succeeded" if task.has_succeeded else "failed"
    return "running" if task.state == "preparing" else task.state
