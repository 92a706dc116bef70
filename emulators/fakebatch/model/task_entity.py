"""A task as the service stores it, and its state transitions."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from fakebatch.failure_info import FailureInfo
from fakebatch.model.run_result import ContainerResult, RunResult

TaskState: TypeAlias = Literal["active", "preparing", "running", "completed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The node on which a task runs, or on which it ran last."""

    pool_id: str
    node_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEntity:
    """A task of a job. Times are in ticks.

    `number` is its place in the order of creation. `spec` holds its properties with the defaults filled in.
    Transitions that nodes cause do not change `last_modified`, so they do not change the entity tag.
    """

    id: str
    number: int
    spec: Mapping[str, Any]
    created_at: int
    last_modified: int
    state_since: int
    state: TaskState = "active"
    previous_state: TaskState | None = None
    previous_state_since: int | None = None
    started_at: int | None = None
    ended_at: int | None = None
    exit_code: int | None = None
    failure: FailureInfo | None = None
    container: ContainerResult | None = None
    retries: int = 0
    last_retry_at: int | None = None
    awaits_retry: bool = False
    requeues: int = 0
    last_requeue_at: int | None = None
    placement: Placement | None = None

    @property
    def result(self) -> str | None:
        """`success` or `failure` for a completed task, else None."""
        if self.state != "completed":
            return None
        return "success" if self.failure is None else "failure"

    @property
    def slots(self) -> int:
        """The number of slots that the task uses on its node."""
        required: int = self.spec["requiredSlots"]
        return required

    @property
    def retries_left(self) -> bool:
        """Whether the service retries the task after a non-zero exit code."""
        limit: int = self.spec["constraints"]["maxTaskRetryCount"]
        return limit < 0 or self.retries < limit


def _moved(task: TaskEntity, state: TaskState, now: int, **changes: Any) -> TaskEntity:
    return replace(
        task,
        state=state,
        state_since=now,
        previous_state=task.state,
        previous_state_since=task.state_since,
        **changes,
    )


def placed(task: TaskEntity, placement: Placement, now: int) -> TaskEntity:
    """Return the task when it waits on a node for the job preparation task."""
    return _moved(task, "preparing", now, placement=placement)


def started(task: TaskEntity, placement: Placement, now: int) -> TaskEntity:
    """Return the task when it starts to run on a node."""
    retried_at = now if task.awaits_retry else task.last_retry_at
    return _moved(
        task,
        "running",
        now,
        placement=placement,
        started_at=now,
        last_retry_at=retried_at,
        awaits_retry=False,
    )


def returned_to_queue(task: TaskEntity, now: int) -> TaskEntity:
    """Return the task, active again, after the job preparation failed on its node. No count changes."""
    return _moved(task, "active", now, started_at=None, placement=None)


def completed(task: TaskEntity, result: RunResult, now: int) -> TaskEntity:
    """Return the task after its last run."""
    return _moved(
        task,
        "completed",
        now,
        ended_at=now,
        exit_code=result.exit_code,
        failure=result.failure,
        container=result.container,
    )


def awaiting_retry(task: TaskEntity, now: int) -> TaskEntity:
    """Return the task, active again, after a failed run that will be retried."""
    return _moved(task, "active", now, started_at=None, retries=task.retries + 1, awaits_retry=True)


def requeued(task: TaskEntity, now: int) -> TaskEntity:
    """Return the task, active again, after its job or its pool ended the run."""
    return _moved(task, "active", now, started_at=None, requeues=task.requeues + 1, last_requeue_at=now)


def reactivated(task: TaskEntity, now: int) -> TaskEntity:
    """Return a failed task, active again after a user's request to reactivate it."""
    return _moved(
        task,
        "active",
        now,
        last_modified=now,
        started_at=None,
        ended_at=None,
        exit_code=None,
        failure=None,
        container=None,
        retries=0,
        last_retry_at=None,
    )


def modified(task: TaskEntity, now: int) -> TaskEntity:
    """Return the task with a new time of last modification."""
    return replace(task, last_modified=now)


def with_properties(task: TaskEntity, changes: Mapping[str, Any], now: int) -> TaskEntity:
    """Return the task with some of its properties replaced."""
    return replace(task, spec={**task.spec, **changes}, last_modified=now)
