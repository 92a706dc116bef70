"""The bodies of HTTP answers, as types: what is shown, and what `GET /openapi.json` says of it.

Each field is listed by its name here. So a new field of a record, or of a part of it, is private until it is
added to one of these types, and to `docs/http-api.md`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeVar, overload

import msgspec

from batchmgr.model.dead_letter import DeadLetterKind
from batchmgr.model.job_record_parts import CallbackState
from batchmgr.model.job_states import JobState
from batchmgr.wire.plan_preview import Problem
from batchmgr.wire.usage_answer import UsageAnswer

Json = dict[str, Any]
T = TypeVar("T", bound=msgspec.Struct)


class Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The base of all answers and their parts: a field without a value is left out."""


class Counts(Answer, frozen=True, omit_defaults=False):
    """How many tasks of a job are in which state, the FinalizeTask included."""

    active: int
    running: int
    completed: int
    succeeded: int
    failed: int


class WaitingForAnswer(Answer, frozen=True):
    """Why a job does not go on, and what to do. `place` is its place in the line for the quota."""

    code: str
    reason: str
    advice: str
    since: datetime
    place: int = 0


class TimeLeftAnswer(Answer, frozen=True):
    """When the job will have ended, if its other tasks take as long as those that have ended, and why."""

    ends_at: datetime
    basis: str


class CallbackAnswer(Answer, frozen=True):
    """How far the delivery of a callback has come."""

    state: CallbackState
    attempts: int
    next_attempt_at: datetime | None = None
    last_error: str = ""
    given_up_at: datetime | None = None


class ErrorAnswer(Answer, frozen=True):
    """Why a job did not succeed."""

    code: str
    message: str
    field: str = ""
    category: str = ""


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


class ResultAnswer(Answer, frozen=True):
    """A file that the job has left in storage. The URI is not signed."""

    name: str
    uri: str


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


class LinkAnswer(Answer, frozen=True):
    """A signed link to one blob, for some minutes."""

    name: str
    uri: str
    expires_at: datetime
    size: int


class TaskResultAnswer(Answer, frozen=True):
    """What a task has published."""

    task_id: str
    result: dict[str, Any]


class AcceptedAnswer(Answer, frozen=True):
    """A job that was accepted, and where to follow it.

    `warnings`: it may do something else than its sender means.
    """

    job_id: str
    state: JobState
    status_uri: str
    result_uri: str
    tasks_uri: str
    events_uri: str
    cancel_uri: str
    warnings: Sequence[Problem] = ()


class JobAnswer(Answer, frozen=True, kw_only=True):
    """A job as it is now, and where to follow it. `attempts` and `retryAt` are those of its submission.

    `otherCallbacks` are those to receivers that were attached later. From `signaturesEnd` on, its nodes don't
    reach storage. `total` and `counts` are those of its tasks.
    """

    job_id: str
    state: JobState
    workload: str
    created_at: datetime
    updated_at: datetime
    pool_id: str = ""
    metadata: dict[str, str] = {}
    attempts: int = 0
    retry_at: datetime | None = None
    cancel_requested: bool = False
    waiting_for: WaitingForAnswer | None = None
    time_left: TimeLeftAnswer | None = None
    error: ErrorAnswer | None = None
    callback: CallbackAnswer | None = None
    other_callbacks: Sequence[CallbackAnswer] = ()
    rerun_of: str = ""
    signatures_end: datetime | None = None
    total: int
    counts: Counts
    status_uri: str
    result_uri: str
    tasks_uri: str
    events_uri: str
    cancel_uri: str


class OutcomeAnswer(Answer, frozen=True, omit_defaults=False):
    """How a job ended: its state, its task counts, what failed and why, and where its results are."""

    job_id: str
    state: JobState
    workload: str
    total: int
    counts: Counts
    error: ErrorAnswer | None
    failed_tasks: Sequence[FailedTaskAnswer]
    failure_groups: Sequence[FailureGroupAnswer]
    results: Sequence[ResultAnswer]
    task_results: Sequence[TaskResultAnswer]
    metadata: Mapping[str, str]
    usage: UsageAnswer
    rerun_of: str | msgspec.UnsetType = msgspec.UNSET
    outcome_uri: str | msgspec.UnsetType = msgspec.UNSET


def _listed(type_: type[msgspec.Struct], name: str) -> type[msgspec.Struct]:
    """Return the type of an item of a list: each field may have been left out by `select`."""
    fields = [
        (field.name, field.type | msgspec.UnsetType, msgspec.UNSET) for field in msgspec.structs.fields(type_)
    ]
    what = type_.__name__.removesuffix("Answer").lower()
    doc = {"__doc__": f"A {what} of a list, with the fields that were selected."}
    return msgspec.defstruct(name, fields, frozen=True, kw_only=True, rename="camel", namespace=doc)


ListedJob = _listed(JobAnswer, "ListedJob")
ListedTask = _listed(TaskAnswer, "ListedTask")


class JobPage(Answer, frozen=True):
    """A page of jobs, each with the fields that were selected.

    If there are more, `nextLink` is the URI of the next page.
    """

    jobs: Sequence[ListedJob]  # type: ignore[valid-type]  # mypy does not know types that are made
    next_link: str = ""


class TaskPage(Answer, frozen=True):
    """A page of tasks, each with the fields that were selected.

    It may have fewer than were asked for, even none, and not be the last.
    """

    tasks: Sequence[ListedTask]  # type: ignore[valid-type]  # mypy does not know types that are made
    next_link: str = ""


class EventAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A CloudEvent 1.0 of a job. `sequence` is its place in the job's log, in ten digits."""

    id: str
    type: str
    subject: str
    time: datetime
    data: dict[str, Any]
    sequence: str
    specversion: str
    source: str
    datacontenttype: str
    traceparent: str = ""


class EventPage(Answer, frozen=True):
    """Events of a job. `last` is the `after` of the next request, and `state` the state of the job.

    A final state with no events says that there will be none.
    """

    events: Sequence[EventAnswer]
    last: int
    state: JobState


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


class DeadLetterAnswer(Answer, frozen=True):
    """A callback that was given up, or a message that can't be used."""

    id: str
    kind: DeadLetterKind
    time: datetime
    reason: str
    job_id: str = ""
    receiver: str = ""
    queue: str = ""
    message_id: str = ""


class DeadLetterPage(Answer, frozen=True):
    """A page of dead letters, the newest first."""

    dead_letters: Sequence[DeadLetterAnswer]
    next_link: str = ""


class UploadAnswer(Answer, frozen=True):
    """Where to put a job message, and the message that then names it; or where to put an input."""

    upload_uri: str
    method: Literal["PUT"]
    headers: dict[str, str]
    expires_at: datetime
    message: dict[str, str] = {}


class DeletionAnswer(Answer, frozen=True, omit_defaults=False):
    """A job that is being deleted: send the request again."""

    job_id: str
    is_deleted: bool


class HealthAnswer(Answer, frozen=True):
    """Whether the app can work."""

    status: Literal["healthy", "degraded", "unhealthy"]


class HealthDetails(HealthAnswer, frozen=True):
    """Whether the app can work, and what is wrong. `poison` counts messages in poison queues."""

    checks: dict[str, str]
    workloads: Sequence[str] = ()
    poison: dict[str, int] = {}


class OpenApiAnswer(Answer, frozen=True):
    """An OpenAPI document."""

    openapi: str
    info: dict[str, str]
    servers: Sequence[dict[str, str]]
    paths: dict[str, Any]
    components: dict[str, Any]
    security: Sequence[dict[str, Any]]


class ProblemError(Answer, frozen=True):
    """One thing that is wrong with a request: a field of the message, or a parameter of the query."""

    detail: str
    field: str = ""
    pointer: str = ""
    parameter: str = ""


class ProblemAnswer(Answer, frozen=True):
    """An error: a problem document (RFC 9457). `code` never changes."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    field: str = ""
    errors: Sequence[ProblemError] = ()


@overload
def shown(value: msgspec.Struct, type_: type[T]) -> T: ...
@overload
def shown(value: None, type_: type[T]) -> None: ...
def shown(value: msgspec.Struct | None, type_: type[T]) -> T | None:
    """Return what is shown of a part of a record: the fields that the type lists."""
    return None if value is None else msgspec.convert(value, type_, from_attributes=True)


def as_json(value: msgspec.Struct) -> Json:
    """Return an answer as a JSON object."""
    json: Json = msgspec.to_builtins(value)
    return json
