"""A run of a task that belongs to a node instead of a job's list: a start, preparation or release task."""

from dataclasses import dataclass, replace

from fakebatch.failure_info import FailureInfo
from fakebatch.model.run_result import ContainerResult, RunResult


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRun:
    """The latest run; times are in ticks. It is under way until `ended_at` is set."""

    started_at: int
    ended_at: int | None = None
    exit_code: int | None = None
    failure: FailureInfo | None = None
    container: ContainerResult | None = None
    retries: int = 0
    last_retry_at: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether the run ended, after all its retries."""
        return self.ended_at is not None

    @property
    def succeeded(self) -> bool:
        """Whether the run ended well."""
        return self.is_over and self.failure is None


def retried(run: NodeRun, now: int) -> NodeRun:
    """Return the run as it begins again after a failure."""
    return NodeRun(started_at=now, retries=run.retries + 1, last_retry_at=now)


def finished(run: NodeRun, outcome: RunResult, now: int) -> NodeRun:
    """Return the run at its end."""
    return replace(
        run,
        ended_at=now,
        exit_code=outcome.exit_code,
        failure=outcome.failure,
        container=outcome.container,
    )
