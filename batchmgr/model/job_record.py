"""The job record: the one thing batchmgr remembers of a job. Saved as JSON, guarded by its ETag."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from batchmgr.errors import IllegalTransitionError
from batchmgr.model.batch_snapshots import Reruns, TaskCounts, TaskError
from batchmgr.model.cloud_event import Event
from batchmgr.model.job_states import JobState, may_follow
from batchmgr.model.task_progress import TaskResult


class CallbackState(StrEnum):
    """How far the callback of a finished job has come."""

    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    DEAD = "dead"


class CallbackStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The delivery of the callback. The URI is a secret and stays in the stored request."""

    state: CallbackState
    attempts: int
    next_attempt_at: datetime | None = None
    last_error: str = ""


DUE = CallbackStatus(state=CallbackState.PENDING, attempts=0)
"""A callback that nobody has tried to deliver yet."""


class JobError(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Why a job did not succeed: one code, and one sentence that says what to do."""

    code: str
    message: str
    field: str = ""


class FailedTask(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A task that failed, as the outcome lists it."""

    task_id: str
    display_name: str = ""
    exit_code: int | None = None
    error: TaskError | None = None


class ResultFile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A file that the job has left in storage. The URI carries no signature."""

    name: str
    uri: str


class PollCursor(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How far the poller has read the tasks' state transitions.

    `seen` holds, with their times, the fingerprints inside the overlap before `until`, so that a transition
    that becomes visible late is told, and none is told twice. `completed` counts the completed tasks told,
    `reruns` holds what was told of tasks that were run again and are not completed.
    """

    until: datetime | None = None
    seen: dict[str, datetime] = {}
    completed: int = 0
    reruns: dict[str, Reruns] = {}


class ToldReport(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A report that was told."""

    time: datetime
    sequence: str


class ReportCursor(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How far the poller has read the tasks' reports.

    `seen` holds, for the tasks that reported inside the overlap before `until`, the report that was told;
    `results` a key for the result of each task that has published one.
    """

    until: datetime | None = None
    seen: dict[str, ToldReport] = {}
    results: dict[str, str] = {}


class JobRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Everything batchmgr keeps about one job. Truth about its tasks stays in Azure Batch."""

    job_id: str
    state: JobState
    workload: str
    digest: str
    created_at: datetime
    updated_at: datetime
    pool_id: str = ""
    metadata: dict[str, str] = {}
    notify: tuple[str, ...] = ()
    has_callback: bool = False
    total: int = 0
    counts: TaskCounts = TaskCounts()
    cursor: PollCursor = PollCursor()
    reported: ReportCursor = ReportCursor()
    attempts: int = 0
    retry_at: datetime | None = None
    cancel_requested: bool = False
    in_batch: bool = False
    awaits_tasks: bool = False
    finalize_released: bool = False
    can_report: bool = False
    owes_manifest: bool = False
    outbox: tuple[Event, ...] = ()
    events_offset: int = 0
    error: JobError | None = None
    failed_tasks: tuple[FailedTask, ...] = ()
    results: tuple[ResultFile, ...] = ()
    task_results: tuple[TaskResult, ...] = ()
    callback: CallbackStatus | None = None

    def is_quiet_for(self, pause: timedelta, now: datetime) -> bool:
        """Whether nothing has been heard of the job for `pause`, and nothing is due later."""
        return now - max(self.updated_at, self.retry_at or self.updated_at) > pause

    def advance(self, to: JobState, now: datetime, **changes: Any) -> "JobRecord":
        """The record in its next state. Raises IllegalTransitionError where the table does not allow it."""
        if not may_follow(self.state, to):
            raise IllegalTransitionError(self.job_id, self.state, to)
        return self.change(now, state=to, **changes)

    def change(self, now: datetime, **changes: Any) -> "JobRecord":
        """The record with other values, in the same state."""
        return msgspec.structs.replace(self, updated_at=now, **changes)

    def summary(self) -> Mapping[str, object]:
        """What events say of the job besides its state."""
        facts: dict[str, object] = {
            "jobId": self.job_id,
            "state": self.state.value,
            "workload": self.workload,
        }
        if self.total:
            facts["total"] = self.total
            facts["counts"] = msgspec.to_builtins(self.counts)
        if self.error is not None:
            facts["error"] = msgspec.to_builtins(self.error)
        return facts
