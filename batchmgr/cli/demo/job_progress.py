"""A job's progress, computed from its events."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from batchmgr.model.job_states import JobState
from batchmgr.plan.job_plan import FINALIZE_TASK_ID

TaskState = Literal["waiting", "running", "succeeded", "failed"]

_TASK_STATES: Mapping[str, TaskState] = {
    "batchmgr.task.running": "running",
    "batchmgr.task.succeeded": "succeeded",
    "batchmgr.task.failed": "failed",
}
_JOB_STATES = {f"batchmgr.job.{state.value}": state for state in JobState}


@dataclass(frozen=True, kw_only=True)
class JobProgress:
    """The progress of a job of `windows` tasks and a FinalizeTask. `total` is 0 until an event has it."""

    windows: int
    state: JobState = JobState.QUEUED
    total: int = 0
    completed: int = 0
    tasks: Mapping[str, TaskState] = field(default_factory=dict)

    def after(self, event: Mapping[str, Any]) -> "JobProgress":
        """Return the progress after this CloudEvent."""
        data: Mapping[str, Any] = event["data"]
        state = _JOB_STATES.get(event["type"], self.state)
        if task_state := _TASK_STATES.get(event["type"]):
            return replace(self, tasks={**self.tasks, data["taskId"]: task_state})
        completed = max(self.completed, data.get("counts", {}).get("completed", 0))
        return replace(self, state=state, total=data.get("total", self.total), completed=completed)

    @property
    def cells(self) -> tuple[TaskState, ...]:
        """The state of each task, the FinalizeTask last."""
        ids = (*(str(number) for number in range(1, self.windows + 1)), FINALIZE_TASK_ID)
        return tuple(self.tasks.get(task_id, "waiting") for task_id in ids)
