"""What Azure Batch reports about a job and its tasks, as values.

Field names and meanings are Azure Batch's (api-version 2025-06-01); times are aware datetimes in UTC.
"""

from datetime import datetime
from typing import Literal

import msgspec

from batchmgr.model.size_limits import MESSAGE, NAME, STDERR, TRACEBACK, cut_fields

EXIT_CODE = "FailureExitCode"
"""Azure Batch's code for a task that ended with another exit code than 0."""

TASK_ENDED = "TaskEnded"
"""Azure Batch's code for a task that was ended: by a request, by its time limit, or with its job."""

BAD_INPUT = "BadInput"
"""The category of a task that says that its input can't be used: the sender of the job has to act."""

ERROR_TEXTS = {"type": NAME, "message": MESSAGE, "category": NAME, "field": NAME}
ERROR_TAILS = {"traceback": TRACEBACK, "stderr": STDERR}


class TaskError(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Why a task failed: from the task's own error report if there is one, else from Azure Batch.

    `type` is the type of the exception, or the failure code of Azure Batch. `stderr` holds the last lines of
    stderr.txt. `field` is the field of the job message that a job manager task has found wrong.
    """

    type: str
    message: str
    category: str = ""
    traceback: str = ""
    stderr: str = ""
    field: str = ""

    def __post_init__(self) -> None:
        """Cut texts that are too long."""
        cut_fields(self, ERROR_TEXTS, ERROR_TAILS)

    def without_details(self) -> "TaskError":
        """Return the error without its traceback and stderr, which are in the task's event."""
        return msgspec.structs.replace(self, traceback="", stderr="")


class TaskSnapshot(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, gc=False):
    """One task, as Azure Batch reported it at one moment.

    `start_time` is when its newest run began, and `last_retry_time` when the newest run began that was a
    retry. `last_requeue_time` is when it was queued again, because its node was lost.
    """

    task_id: str
    state: Literal["active", "preparing", "running", "completed"]
    state_transition_time: datetime
    display_name: str = ""
    result: Literal["", "success", "failure"] = ""
    exit_code: int | None = None
    error: TaskError | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    retry_count: int = 0
    last_retry_time: datetime | None = None
    requeue_count: int = 0
    last_requeue_time: datetime | None = None
    node_id: str = ""
    creation_time: datetime | None = None
    required_slots: int = 1

    @property
    def has_succeeded(self) -> bool:
        """Return whether the task has completed successfully."""
        return self.state == "completed" and self.result == "success"

    @property
    def has_failed(self) -> bool:
        """Return whether the task has completed, but not successfully."""
        return self.state == "completed" and self.result != "success"

    def has_begun_since(self, since: datetime) -> bool:
        """Return whether the newest run of a task that runs or has run began at `since` or later."""
        return (self.start_time or self.state_transition_time) >= since

    def was_retried_since(self, since: datetime) -> bool:
        """Return whether a retry began at `since` or later."""
        return self.retry_count > 0 and (self.last_retry_time or self.state_transition_time) >= since

    def was_requeued_since(self, since: datetime) -> bool:
        """Return whether the task was queued again at `since` or later, or runs since then for that."""
        if not self.requeue_count:
            return False
        requeued = self.last_requeue_time or self.state_transition_time
        was_retried_after = self.last_retry_time is not None and self.last_retry_time > requeued
        return requeued >= since or (self.has_begun_since(since) and not was_retried_after)


class TaskCounts(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many tasks of a job are in which state. Azure Batch updates the counts up to 30 seconds late."""

    active: int = 0
    running: int = 0
    completed: int = 0
    succeeded: int = 0
    failed: int = 0


class BatchJob(msgspec.Struct, frozen=True, kw_only=True):
    """The Azure Batch job of a job. `digest` is what batchmgr stored in its metadata when it created it.

    `pool_id` is empty as long as there is no auto pool yet. `scheduling_error` says why Azure Batch can't
    start the job. `needs_preparation`: tasks run only on nodes where the job preparation task has succeeded.
    """

    state: str
    digest: str = ""
    terminate_reason: str = ""
    pool_id: str = ""
    scheduling_error: str = ""
    needs_preparation: bool = False
    state_transition_time: datetime | None = None

    @property
    def has_ended(self) -> bool:
        """Return whether the Batch job has ended, or is being ended or deleted: no more tasks will start.

        Tasks of a job that is `terminating` may still run.
        """
        return self.state in {"completed", "terminating", "deleting"}


class PoolSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A pool, as Azure Batch reported it at one moment.

    `nodes` and `target_nodes` count dedicated and spot nodes together, `spot_nodes` those of `nodes` that are
    spot nodes. `has_spot` and `has_dedicated`: the pool has such nodes, or is to get some. `resize_error` and
    `formula_error` say why the last resize, or the last evaluation of the autoscale formula, failed.
    """

    pool_id: str
    state: str = "active"
    allocation_state: str = "steady"
    nodes: int = 0
    target_nodes: int = 0
    spot_nodes: int = 0
    has_dedicated: bool = False
    has_spot: bool = False
    vm_size: str = ""
    os: Literal["linux", "windows"] = "linux"
    slots_per_node: int = 1
    has_inter_node_communication: bool = False
    has_formula: bool = False
    formula_error: str = ""
    resize_error: str = ""


class NodeSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A node of a pool. `error` says why its start task failed, or why it can't be used, if that is known."""

    node_id: str
    state: str
    error: str = ""
    is_spot: bool = False
