"""The parts of a job record: callback, errors, failed tasks, results, and what belongs to one state."""

from datetime import datetime
from enum import StrEnum
from typing import Self

import msgspec
from msgspec.structs import replace

from batchmgr.model.batch_snapshots import TaskCounts, TaskError, TaskSnapshot
from batchmgr.model.poll_cursors import PollCursor, ReportCursor
from batchmgr.model.size_limits import MESSAGE, NAME, cut_fields
from batchmgr.model.usage import Usage
from batchmgr.plan.cut_text import cut


class CallbackState(StrEnum):
    """How far the delivery of a job's callback has come.

    `pending`: an attempt is due, now or later. `sending`: an attempt is under way. `delivered`: the receiver
    has accepted the callback. `dead`: batchmgr has given up.
    """

    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    DEAD = "dead"


class CallbackStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The delivery of the callback. The URI is a secret, and not here.

    `given_up_at`: when it was given up last. It may have been tried again since.
    """

    state: CallbackState
    attempts: int
    next_attempt_at: datetime | None = None
    last_error: str = ""
    given_up_at: datetime | None = None

    def __post_init__(self) -> None:
        """Cut texts that are too long."""
        cut_fields(self, {"last_error": MESSAGE})


DUE = CallbackStatus(state=CallbackState.PENDING, attempts=0)
"""A callback that has not been attempted yet."""


class AttachedReceiver(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A receiver of the callback that a later message of the same job has brought.

    `key` is the digest of its URI, `receiver` its host and port. There may be several, so texts are short.
    """

    key: str
    receiver: str
    callback: CallbackStatus | None = None

    def with_callback(self, status: CallbackStatus) -> Self:
        """Return the receiver with another status of its callback."""
        return replace(self, callback=replace(status, last_error=cut(status.last_error, NAME)))


class JobError(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Why a job did not succeed: a code for programs, and a sentence for people.

    `field` is the field of the job message that is wrong, if one is. `category` is `BadInput` if a task has
    said so: then the sender of the job has to act.
    """

    code: str
    message: str
    field: str = ""
    category: str = ""

    def __post_init__(self) -> None:
        """Cut texts that are too long."""
        cut_fields(self, {"code": NAME, "message": MESSAGE, "field": NAME, "category": NAME})


class FailedTask(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A task that failed, and why."""

    task_id: str
    display_name: str = ""
    exit_code: int | None = None
    error: TaskError | None = None

    def __post_init__(self) -> None:
        """Cut texts that are too long."""
        cut_fields(self, {"display_name": NAME})

    @classmethod
    def of(cls, task: TaskSnapshot) -> Self:
        """Return what is kept of this task."""
        return cls(
            task_id=task.task_id, display_name=task.display_name, exit_code=task.exit_code, error=task.error
        )

    def without_details(self) -> "FailedTask":
        """Return the failed task without the traceback and stderr of its error."""
        return replace(self, error=self.error.without_details()) if self.error else self


class ResultFile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A file that the job left in storage. The URI is not signed."""

    name: str
    uri: str


class Claim(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The right of one process to do a job's long work. It lapses at `until`, unless its holder renews it."""

    holder: str
    until: datetime


class Purge(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The deletion of all that is left of a job. It has begun, and is not given up.

    `request` is the ETag of the job's stored request: one that is stored later is that of another job.
    """

    since: datetime
    request: str


class FilesUse(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A rerun that uses the files of this job, since it was asked for."""

    job_id: str
    since: datetime


class Submission(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How far the submission of a job has come. It means nothing once the job is running.

    `attempts` counts how often an obstacle has put the submission off. `awaits_check`: the job was accepted
    before its plan was checked. `awaits_tasks`: the job manager task is on its node, and has not planned the
    job's tasks yet. `tasks_added` counts the tasks, in the order of the plan, that are known to be in Azure
    Batch. `ticket` is the name of the job's place in the line, while it waits for the quota.
    """

    attempts: int = 0
    tasks_added: int = 0
    awaits_check: bool = False
    awaits_tasks: bool = False
    ticket: str = ""


class Run(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What batchmgr knows about the tasks of a job that is running, or has run.

    `total` counts all Batch tasks of the job, batchmgr's own among them. `slots` and `instances` are the most
    that any task needs. `count_changes` is how often the counts were found changed. `can_report`: tasks may
    report progress and results. `manifest_due`: the FinalizeTask may ask for the manifest, and it is not
    written yet. `finalize_released`: the FinalizeTask was added again, without dependencies. `failed_tasks`
    are those that were diagnosed. `signatures_end` is when the first signature ends with which nodes reach
    storage, and `warn_at` when that is due to be told; None if it was told, or can't matter. `usage` is what
    its tasks have used. `has_own_pool`: Azure Batch makes a pool for this job only.
    """

    total: int = 0
    slots: int = 1
    instances: int = 1
    counts: TaskCounts = TaskCounts()
    count_changes: int = 0
    cursor: PollCursor = PollCursor()
    report_cursor: ReportCursor = ReportCursor()
    can_report: bool = False
    manifest_due: bool = False
    finalize_released: bool = False
    failed_tasks: tuple[FailedTask, ...] = ()
    signatures_end: datetime | None = None
    warn_at: datetime | None = None
    usage: Usage = Usage()
    has_own_pool: bool = False

    @property
    def all_were_seen_to_succeed(self) -> bool:
        """Return whether all tasks of the job were seen to have succeeded, and none to have failed."""
        return self.cursor.succeeded == self.cursor.completed == self.total

    def begun(
        self,
        *,
        total: int,
        can_report: bool,
        manifest_due: bool,
        slots: int,
        instances: int,
        signatures_end: datetime | None,
        warn_at: datetime | None,
        has_waits: bool,
        has_own_pool: bool,
    ) -> Self:
        """Return what is known when tasks are about to be added, for the first time or again.

        Tasks that an earlier attempt has added have earlier signatures: the first ones count.
        """
        if self.signatures_end is not None:
            signatures_end, warn_at = self.signatures_end, self.warn_at
        return replace(
            self,
            total=total,
            can_report=can_report,
            manifest_due=manifest_due,
            slots=slots,
            instances=instances,
            signatures_end=signatures_end,
            warn_at=warn_at,
            usage=replace(self.usage, has_waits=has_waits),
            has_own_pool=has_own_pool,
        )


class Unsent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Events that are in the log, but could not be sent: all from the sequence `first` on.

    `since` is when that began.
    """

    first: int
    since: datetime
