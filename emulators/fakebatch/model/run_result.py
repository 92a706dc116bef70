"""How one run of a task ended."""

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from fakebatch.failure_info import FailureInfo

Stage: TypeAlias = Literal["preparation", "command", "upload"]
"""Where a run failed: before the command, in it, or in the upload of its files."""

FAILURE_EXIT_CODE: Final = "FailureExitCode"


_KILLED: Final = 137
_OUT_OF_TIME: Final = FailureInfo("TaskEnded", "The task ran longer than its maxWallClockTime and was ended")
TASK_ENDED: Final = FailureInfo("TaskEnded", "Task Was Ended by User Request")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerResult:
    """The container of a run at its end, as the container runtime tells it."""

    container_id: str
    state: str
    error: str = ""

    def view(self) -> dict[str, Any]:
        """Return it as it appears in `containerInfo`."""
        view = {"containerId": self.container_id, "state": self.state}
        return view | {"error": self.error} if self.error else view


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """The end of a run: its exit code, if a process ended at all, and its failure, if it failed.

    What ran in a container has that too.
    """

    exit_code: int | None = None
    failure: FailureInfo | None = None
    stage: Stage = "command"
    container: ContainerResult | None = None

    @property
    def is_retryable(self) -> bool:
        """Whether the service runs the task again: only for a non-zero exit code."""
        return self.failure is not None and self.failure.code == FAILURE_EXIT_CODE


def exited(exit_code: int) -> RunResult:
    """Return the outcome of a process that ended by itself."""
    if exit_code == 0:
        return RunResult(exit_code=0)
    details = (
        ("Message", "The task process exited with an unexpected exit code"),
        ("AdditionalErrorCode", FAILURE_EXIT_CODE),
    )
    message = "The task exited with an exit code representing a failure"
    return RunResult(exit_code=exit_code, failure=FailureInfo(FAILURE_EXIT_CODE, message, details))


def ended(exit_code: int | None = None) -> RunResult:
    """Return the outcome of a task that was ended on request, by a user or with its job."""
    return RunResult(exit_code=exit_code, failure=TASK_ENDED)


def out_of_time(*, began: bool = True) -> RunResult:
    """Return the outcome of a run that took longer than it may; `began` tells whether its command ran."""
    return RunResult(exit_code=_KILLED if began else None, failure=_OUT_OF_TIME)


def failed_before_command(failure: FailureInfo) -> RunResult:
    """Return the outcome of a task that failed before its command line ran."""
    return RunResult(failure=failure, stage="preparation")


def failed_with_node() -> RunResult:
    """Return the outcome of a run that the node itself failed."""
    return RunResult(failure=FailureInfo("Unknown", "The node failed.", category="ServerError"))
