"""The subtasks of a multi-instance task: all of it but the primary."""

from dataclasses import dataclass, replace
from typing import Literal

from fakebatch.failure_info import FailureInfo
from fakebatch.model.run_result import RunResult
from fakebatch.model.stored_task import Placement


@dataclass(frozen=True, slots=True, kw_only=True)
class Subtask:
    """A subtask; times are in ticks. `placed_at` is when it was given its node."""

    number: int
    placement: Placement
    placed_at: int
    started_at: int | None = None
    ended_at: int | None = None
    exit_code: int | None = None
    failure: FailureInfo | None = None

    @property
    def state(self) -> Literal["preparing", "running", "completed"]:
        """Preparing while its node is prepared for the job."""
        if self.ended_at is not None:
            return "completed"
        return "preparing" if self.started_at is None else "running"


def started(subtask: Subtask, now: int) -> Subtask:
    """Return the subtask as it begins to run."""
    return replace(subtask, started_at=now)


def finished(subtask: Subtask, outcome: RunResult, now: int) -> Subtask:
    """Return the subtask at its end; one that ended before stays as it is."""
    if subtask.ended_at is not None:
        return subtask
    return replace(subtask, ended_at=now, exit_code=outcome.exit_code, failure=outcome.failure)
