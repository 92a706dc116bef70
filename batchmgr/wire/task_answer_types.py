"""The bodies of answers about the tasks of a job, as types: tasks, failures, files, the timeline."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from batchmgr.model.job_states import JobState
from batchmgr.wire.answer import Answer, listed


class Failure(Answer, frozen=True):
    """Why a task failed. Traceback and stderr are in its event, and in the list of tasks."""

    type: str
    message: str
    category: str = ""
    field: str = ""


class FullFailure(Failure, frozen=True):
    """Why a task failed, with the end of its stderr."""

    traceback: str = ""
    stderr: str = ""


class FailedTaskAnswer(Answer, frozen=True):
    """A task that failed."""

    task_id: str
    display_name: str = ""
    exit_code: int | None = None
    error: Failure | None = None


class TaskAnswer(Answer, frozen=True):
    """A task as Azure Batch has it now."""

    task_id: str
    state: Literal["active", "preparing", "running", "completed"]
    state_transition_time: datetime
    display_name: str = ""
    result: Literal["", "success", "failure"] = ""
    exit_code: int | None = None
    error: FullFailure | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    retry_count: int = 0
    last_retry_time: datetime | None = None
    requeue_count: int = 0
    last_requeue_time: datetime | None = None
    node_id: str = ""
    creation_time: datetime | None = None
    required_slots: int = 1
    kind: str = ""


ListedTask = listed(TaskAnswer, "ListedTask")


class TaskPage(Answer, frozen=True):
    """A page of tasks, each with the fields that were selected.

    It may have fewer than were asked for, even none, and not be the last.
    """

    tasks: Sequence[ListedTask]  # type: ignore[valid-type]  # mypy does not know types that are made
    next_link: str = ""


class FailureGroupAnswer(Answer, frozen=True, kw_only=True):
    """Tasks that have failed for the same reason. Of `lookedAt` of them that is known."""

    type: str
    category: str = ""
    message: str
    count: int
    looked_at: int
    first_task: str
    tasks: Sequence[str]
    exit_code: int | None = None
    first_at: datetime | None = None


class FullFailureGroup(FailureGroupAnswer, frozen=True, kw_only=True):
    """A group of failed tasks, with the traceback and the stderr of one of them."""

    traceback: str = ""
    stderr: str = ""


class FailureList(Answer, frozen=True):
    """The failed tasks of a job in groups, the largest first. `others` are in groups that are not shown."""

    failed: int
    looked_at: int
    groups: Sequence[FullFailureGroup]
    others: int = 0


class TaskFileAnswer(Answer, frozen=True):
    """A file of a task, on its `node` or kept in `storage`."""

    path: str
    size: int
    last_modified: datetime | None = None
    source: str = ""


class FileList(Answer, frozen=True):
    """The files of a task."""

    files: Sequence[TaskFileAnswer]


class LostRuns(Answer, frozen=True, omit_defaults=False):
    """Earlier runs that were lost with their node, or retried. `task` is the row of the task."""

    task: Sequence[int]
    node: Sequence[int]
    start: Sequence[float | None]
    end: Sequence[float | None]


class TimelineAnswer(Answer, frozen=True, omit_defaults=False):
    """When the tasks of a job have run, and where, as columns: each row is a task.

    `kind`, `state`, `node` and `error` are indexes of the names in `kinds`, `states`, `nodes` and `errors`;
    -1 is none. `start` and `end` are seconds after `origin`.
    """

    job_id: str
    job_state: JobState
    as_of: datetime
    origin: datetime
    total: int
    kinds: Sequence[str]
    nodes: Sequence[str]
    states: Sequence[str]
    errors: Sequence[str]
    task_id: Sequence[str]
    kind: Sequence[int]
    state: Sequence[int]
    node: Sequence[int]
    start: Sequence[float | None]
    end: Sequence[float | None]
    exit_code: Sequence[int | None]
    error: Sequence[int]
    retries: Sequence[int]
    requeues: Sequence[int]
    lost: LostRuns
