"""A task, and the transitions of its state."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from fakebatch.failure_info import FailureInfo
from fakebatch.model.run_result import ContainerResult, RunResult

TaskState: TypeAlias = Literal["active", "preparing", "running", "completed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The node a task runs on, or ran on last."""

    pool_id: str
    node_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTask:
    """A task of a job; times are in ticks.

    `number` is its place in the order of creation, `spec` its properties as the service stores them, defaults
    filled in. Transitions made by nodes leave `last_modified`, and so the entity tag, as it is.
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
    requeues: int = 0
    last_requeue_at: int | None = None
    placement: Placement | None = None

    @property
    def result(self) -> str | None:
        """`success` or `failure` of a completed task."""
        if self.state != "completed":
            return None
        return "success" if self.failure is None else "failure"

    @property
    def slots(self) -> int:
        """The scheduling slots the task takes on its node."""
        required: int = self.spec["requiredSlots"]
        return required

    @property
    def retries_left(self) -> bool:
        """Whether the service would run the task again after a non-zero exit code."""
        limit: int = self.spec["constraints"]["maxTaskRetryCount"]
        return limit < 0 or self.retries < limit


def _moved(task: StoredTask, state: TaskState, now: int, **changes: Any) -> StoredTask:
    return replace(
        task,
        state=state,
        state_since=now,
        previous_state=task.state,
        previous_state_since=task.state_since,
        **changes,
    )


def placed(task: StoredTask, placement: Placement, now: int) -> StoredTask:
    """Return the task as it waits on a node for the preparation of its job."""
    return _moved(task, "preparing", now, placement=placement)


def started(task: StoredTask, placement: Placement, now: int) -> StoredTask:
    """Return the task as it begins to run on a node."""
    retried_at = now if task.retries else task.last_retry_at
    return _moved(task, "running", now, placement=placement, started_at=now, last_retry_at=retried_at)


def returned_to_queue(task: StoredTask, now: int) -> StoredTask:
    """Return the task after its node could not be prepared for it: that is not counted."""
    return _moved(task, "active", now, started_at=None, placement=None)


def completed(task: StoredTask, outcome: RunResult, now: int) -> StoredTask:
    """Return the task at the end of its last run."""
    return _moved(
        task,
        "completed",
        now,
        ended_at=now,
        exit_code=outcome.exit_code,
        failure=outcome.failure,
        container=outcome.container,
    )


def awaiting_retry(task: StoredTask, now: int) -> StoredTask:
    """Return the task after a failed run that will be repeated."""
    return _moved(task, "active", now, started_at=None, retries=task.retries + 1)


def requeued(task: StoredTask, now: int) -> StoredTask:
    """Return the task after a run that its job or its pool took from it."""
    return _moved(task, "active", now, started_at=None, requeues=task.requeues + 1, last_requeue_at=now)


def reactivated(task: StoredTask, now: int) -> StoredTask:
    """Return a failed task made ready to run again at a user's request."""
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


def modified(task: StoredTask, now: int) -> StoredTask:
    """Return the task as modified by a user."""
    return replace(task, last_modified=now)


def with_properties(task: StoredTask, changes: Mapping[str, Any], now: int) -> StoredTask:
    """Return the task with some of its properties replaced."""
    return replace(task, spec={**task.spec, **changes}, last_modified=now)
