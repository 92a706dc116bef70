"""A job as the service stores it, and its state transitions."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from fakebatch.errors import BatchError

JobState: TypeAlias = Literal[
    "active", "disabling", "disabled", "enabling", "terminating", "completed", "deleting"
]
_TRANSITIONAL: Final = frozenset({"disabling", "enabling", "terminating"})


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEntity:
    """A job. Times are in ticks.

    `number` is its place in the order of creation. `spec` holds its properties with the defaults filled in.
    `previous_state` is never a transitional state such as `disabling`. `auto_pool_id` names the pool that was
    created for the job, if any.
    """

    id: str
    number: int
    spec: Mapping[str, Any]
    created_at: int
    last_modified: int
    state_since: int
    started_at: int
    state: JobState = "active"
    previous_state: JobState | None = None
    previous_state_since: int | None = None
    ended_at: int | None = None
    terminate_reason: str | None = None
    auto_pool_id: str | None = None

    @property
    def pool_id(self) -> str:
        """The id of the pool that runs the job's tasks."""
        if self.auto_pool_id is not None and "autoPoolSpecification" in self.spec["poolInfo"]:
            return self.auto_pool_id
        pool_id: str = self.spec["poolInfo"].get("poolId", "")
        return pool_id

    @property
    def is_over(self) -> bool:
        """Whether the job is ending or has ended, and schedules no more tasks."""
        return self.state in ("terminating", "completed", "deleting")


def directory(job_id: str) -> str:
    """Return the directory of a job below the root of a node.

    `name:job-2` is the id of the second job of a schedule.
    """
    work_item, _, run = job_id.partition(":")
    return f"workitems/{work_item}/{run or 'job-1'}"


def _moved(job: JobEntity, state: JobState, now: int) -> JobEntity:
    if job.state in _TRANSITIONAL:
        return replace(job, state=state, state_since=now)
    return replace(
        job,
        state=state,
        state_since=now,
        previous_state=job.state,
        previous_state_since=job.state_since,
    )


def disabled(job: JobEntity, now: int) -> JobEntity:
    """Return the job after a user's request to disable it.

    Raises BatchError if the job is over or is being enabled.
    """
    refuse_if_over(job)
    if job.state not in ("active", "disabling", "disabled"):
        raise BatchError("JobNotActive")
    return replace(_moved(job, "disabling", now), last_modified=now)


def enabled(job: JobEntity, now: int) -> JobEntity:
    """Return the job after a user's request to enable it. Raises BatchError if the job is over."""
    refuse_if_over(job)
    if job.state == "active":
        return replace(job, last_modified=now)
    return replace(_moved(job, "enabling", now), last_modified=now)


def terminated(job: JobEntity, reason: str, now: int, *, by_user: bool) -> JobEntity:
    """Return the job when it starts to terminate.

    `last_modified` changes only if a user asked for it. Raises BatchError if the job is over.
    """
    refuse_if_over(job)
    modified = now if by_user else job.last_modified
    return replace(_moved(job, "terminating", now), terminate_reason=reason, last_modified=modified)


def deleted(job: JobEntity, now: int) -> JobEntity:
    """Return the job after a user's request to delete it. Raises BatchError(JobBeingDeleted)."""
    if job.state == "deleting":
        raise BatchError("JobBeingDeleted")
    return _moved(job, "deleting", now)


def transition_finished(job: JobEntity, now: int) -> JobEntity:
    """Return the job in the state that follows its transitional state, once none of its tasks run."""
    match job.state:
        case "disabling":
            return _moved(job, "disabled", now)
        case "enabling":
            return _moved(job, "active", now)
        case "terminating":
            return replace(_moved(job, "completed", now), ended_at=now)
        case _:
            return job


def with_properties(job: JobEntity, changes: Mapping[str, Any], now: int) -> JobEntity:
    """Return the job with some of its properties replaced. Raises BatchError if the job is over."""
    refuse_if_over(job)
    return replace(job, spec={**job.spec, **changes}, last_modified=now)


def refuse_if_over(job: JobEntity) -> None:
    """Raise BatchError(JobCompleted, JobBeingTerminated, JobBeingDeleted) if the job is over."""
    match job.state:
        case "completed":
            raise BatchError("JobCompleted")
        case "terminating":
            raise BatchError("JobBeingTerminated")
        case "deleting":
            raise BatchError("JobBeingDeleted")
        case _:
            pass
