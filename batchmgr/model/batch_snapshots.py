"""What Azure Batch says of a job and its tasks, as values.

Field names and meanings are Azure Batch's (api-version 2025-06-01); times are aware datetimes in UTC.
"""

from datetime import datetime
from typing import Literal

import msgspec


class TaskError(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Why a task failed: from the task's own report where there is one, else from Azure Batch.

    `type` is the exception's type or Azure Batch's failure code; `stderr` the last lines of stderr.txt;
    `field` the field of the job message that a job manager task found wrong.
    """

    type: str
    message: str
    category: str = ""
    traceback: str = ""
    stderr: str = ""
    field: str = ""


class Reruns(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How often a task was run again: after a failure, and after its node was taken away."""

    retry_count: int = 0
    requeue_count: int = 0


NO_RERUNS = Reruns()


class TaskSnapshot(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One task as Azure Batch reported it at one moment."""

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
    requeue_count: int = 0
    node_id: str = ""

    @property
    def has_succeeded(self) -> bool:
        """Completed, and with success."""
        return self.state == "completed" and self.result == "success"

    @property
    def has_failed(self) -> bool:
        """Completed, and not with success."""
        return self.state == "completed" and self.result != "success"

    @property
    def reruns(self) -> Reruns:
        """How often the task was run again."""
        return Reruns(retry_count=self.retry_count, requeue_count=self.requeue_count)

    @property
    def fingerprint(self) -> str:
        """Equal for two snapshots that tell the same: what was already announced is not announced again."""
        state = "running" if self.state == "preparing" else self.state  # nobody is told of the difference
        return f"{self.task_id}|{state}|{self.result}|{self.retry_count}|{self.requeue_count}"


class TaskCounts(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many tasks of a job are in which state. The service lets this lag by up to half a minute."""

    active: int = 0
    running: int = 0
    completed: int = 0
    succeeded: int = 0
    failed: int = 0


class BatchJob(msgspec.Struct, frozen=True, kw_only=True):
    """The Batch job behind a job. `digest` is what batchmgr stored in its metadata when it made it."""

    state: str
    digest: str = ""
    terminate_reason: str = ""
    pool_id: str = ""

    @property
    def is_over(self) -> bool:
        """No task will start any more."""
        return self.state in {"completed", "terminating", "deleting"}
