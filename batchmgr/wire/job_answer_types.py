"""The bodies of answers about jobs, as types: a job, its outcome, its events."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from batchmgr.model.job_record_parts import CallbackState
from batchmgr.model.job_states import JobState
from batchmgr.wire.answer import Answer, listed
from batchmgr.wire.plan_preview import Problem
from batchmgr.wire.task_answer_types import FailedTaskAnswer, FailureGroupAnswer
from batchmgr.wire.usage_answer import UsageAnswer


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


class WebhookAnswer(Answer, frozen=True):
    """How far a webhook has come. `delivered` is the `sequence` of the last event that it has got.

    `attempts` are those of the events that are sent, or were sent last.
    """

    receiver: str
    events: Sequence[str]
    state: CallbackState
    attempts: int
    delivered: int
    next_attempt_at: datetime | None = None
    last_error: str = ""
    given_up_at: datetime | None = None


class ErrorAnswer(Answer, frozen=True):
    """Why a job did not succeed."""

    code: str
    message: str
    field: str = ""
    category: str = ""


class ResultAnswer(Answer, frozen=True):
    """A file that the job has left in storage. The URI is not signed."""

    name: str
    uri: str


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

    `otherCallbacks` are those to receivers that were attached later. Lists leave out `webhooks`. From
    `signaturesEnd` on, its nodes don't reach storage. `total` and `counts` are those of its tasks.
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
    webhooks: Sequence[WebhookAnswer] = ()
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


ListedJob = listed(JobAnswer, "ListedJob")


class JobPage(Answer, frozen=True):
    """A page of jobs, each with the fields that were selected.

    If there are more, `nextLink` is the URI of the next page.
    """

    jobs: Sequence[ListedJob]  # type: ignore[valid-type]  # mypy does not know types that are made
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
