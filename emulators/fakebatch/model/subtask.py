"""The subtasks of a multi-instance task: all its parts except the primary task."""

from dataclasses import dataclass, replace
from typing import Literal

from fakebatch.failure_info import FailureInfo
from fakebatch.model.run_result import RunResult
from fakebatch.model.task_entity import Placement


@dataclass(frozen=True, slots=True, kw_only=True)
class Subtask:
    """A subtask. Times are in ticks. `placed_at` is the time at which it was assigned to its node."""

    number: int
    placement: Placement
    placed_at: int
    started_at: int | None = None
    ended_at: int | None = None
    exit_code: int | None = None
    failure: FailureInfo | None = None

    @property
    def state(self) -> Literal["preparing", "running", "completed"]:
        """The state of the subtask. It is `preparing` while the job preparation task runs on its node."""
        if self.ended_at is not None:
            return "completed"
        return "preparing" if self.started_at is None else "running"


def started(subtask: Subtask, now: int) -> Subtask:
    """Return the subtask when it starts to run."""
    return replace(subtask, started_at=now)


def finished(subtask: Subtask, result: RunResult, now: int) -> Subtask:
    """Return the subtask with its result. A subtask that has already ended does not change."""
    if subtask.ended_at is not None:
        return subtask
    return replace(subtask, ended_at=now, exit_code=result.exit_code, failure=result.failure)
