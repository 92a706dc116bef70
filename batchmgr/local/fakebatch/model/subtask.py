"""The subtasks of a multi-instance task: all of it but the primary."""

from dataclasses import dataclass, replace

from batchmgr.local.fakebatch.model.outcomes import Failure, Outcome
from batchmgr.local.fakebatch.model.task import Placement


@dataclass(frozen=True, slots=True, kw_only=True)
class Subtask:
    """A subtask; times are in ticks. It runs until `ended_at` is set."""

    number: int
    placement: Placement
    started_at: int
    ended_at: int | None = None
    exit_code: int | None = None
    failure: Failure | None = None


def finished(subtask: Subtask, outcome: Outcome, now: int) -> Subtask:
    """Return the subtask at its end; one that ended before stays as it is."""
    if subtask.ended_at is not None:
        return subtask
    return replace(subtask, ended_at=now, exit_code=outcome.exit_code, failure=outcome.failure)
