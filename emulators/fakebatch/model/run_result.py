"""The result of one run of a task: exit code, failure and container."""

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from fakebatch.failure_info import FailureInfo

Stage: TypeAlias = Literal["preparation", "command", "upload"]
"""The stage in which a run failed: before its command, in the command, or while uploading output files."""

FAILURE_EXIT_CODE: Final = "FailureExitCode"


_KILLED: Final = 137
_OUT_OF_TIME: Final = FailureInfo("TaskEnded", "The task ran longer than its maxWallClockTime and was ended")
TASK_ENDED: Final = FailureInfo("TaskEnded", "Task Was Ended by User Request")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerResult:
    """The state of a run's container when the run ended, as the container runtime reports it."""

    container_id: str
    state: str
    error: str = ""

    def view(self) -> dict[str, Any]:
        """Return the JSON of the `containerInfo` property."""
        view = {"containerId": self.container_id, "state": self.state}
        return view | {"error": self.error} if self.error else view


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """The result of one run.

    `exit_code` is None if no process ended. `failure` is None if the run succeeded. `container` is set if the
    run used a container.
    """

    exit_code: int | None = None
    failure: FailureInfo | None = None
    stage: Stage = "command"
    container: ContainerResult | None = None

    @property
    def is_retryable(self) -> bool:
        """Whether the service may retry the task. It does so only after a non-zero exit code."""
        return self.failure is not None and self.failure.code == FAILURE_EXIT_CODE


def exited(exit_code: int) -> RunResult:
    """Return the result of a process that ended by itself."""
    if exit_code == 0:
        return RunResult(exit_code=0)
    details = (
        ("Message", "The task process exited with an unexpected exit code"),
        ("AdditionalErrorCode", FAILURE_EXIT_CODE),
    )
    message = "The task exited with an exit code representing a failure"
    return RunResult(exit_code=exit_code, failure=FailureInfo(FAILURE_EXIT_CODE, message, details))


def ended(exit_code: int | None = None) -> RunResult:
    """Return the result of a task that was terminated by a user or together with its job."""
    return RunResult(exit_code=exit_code, failure=TASK_ENDED)


def out_of_time(*, began: bool = True) -> RunResult:
    """Return the result of a run that exceeded its time limit. `began` is True if its command has started."""
    return RunResult(exit_code=_KILLED if began else None, failure=_OUT_OF_TIME)


def failed_before_command(failure: FailureInfo) -> RunResult:
    """Return the result of a task that failed before its command line ran."""
    return RunResult(failure=failure, stage="preparation")


def failed_with_node() -> RunResult:
    """Return the result of a run that was lost because its node failed."""
    return RunResult(failure=FailureInfo("Unknown", "The node failed.", category="ServerError"))
