"""A run of a start task, job preparation task or job release task on a node."""

from dataclasses import dataclass, replace

from fakebatch.failure_info import FailureInfo
from fakebatch.model.run_result import ContainerResult, RunResult


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRun:
    """The latest run of the task. Times are in ticks. The run is still going on while `ended_at` is None."""

    started_at: int
    ended_at: int | None = None
    exit_code: int | None = None
    failure: FailureInfo | None = None
    container: ContainerResult | None = None
    retries: int = 0
    last_retry_at: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether the run has ended and will not be retried."""
        return self.ended_at is not None

    @property
    def succeeded(self) -> bool:
        """Whether the run has ended without a failure."""
        return self.is_over and self.failure is None


def retried(run: NodeRun, now: int) -> NodeRun:
    """Return the run that starts after a failed one."""
    return NodeRun(started_at=now, retries=run.retries + 1, last_retry_at=now)


def finished(run: NodeRun, result: RunResult, now: int) -> NodeRun:
    """Return the run with its result."""
    return replace(
        run,
        ended_at=now,
        exit_code=result.exit_code,
        failure=result.failure,
        container=result.container,
    )
