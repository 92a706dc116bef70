"""What an app answers, as values. Unknown fields are ignored: a newer app may add some.

The fields are those of `docs/http-api.md`. A field that an answer lacks has its default.
"""

from datetime import datetime
from typing import Any

import msgspec

FINAL_STATES = frozenset({"succeeded", "partial", "failed", "cancelled", "timed_out", "rejected"})
"""The states that never change."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The base of all answers: camelCase outside, unknown fields ignored."""


class TaskCounts(Answer, frozen=True, kw_only=True):
    """How many tasks are in which state. `completed` is the sum of `succeeded` and `failed`."""

    active: int = 0
    running: int = 0
    completed: int = 0
    succeeded: int = 0
    failed: int = 0


class JobError(Answer, frozen=True, kw_only=True):
    """Why a job did not succeed. `field` is the field of the message that is to blame."""

    code: str = ""
    message: str = ""
    field: str = ""
    category: str = ""


class WaitingFor(Answer, frozen=True, kw_only=True):
    """Why a job does not go on, and what to do. `place` is its place in the line for the quota."""

    code: str = ""
    reason: str = ""
    advice: str = ""
    since: datetime | None = None
    place: int = 0


class Callback(Answer, frozen=True, kw_only=True):
    """How far the delivery of a callback has come."""

    state: str = ""
    attempts: int = 0
    next_attempt_at: datetime | None = None
    last_error: str = ""
    given_up_at: datetime | None = None


class Webhook(Answer, frozen=True, kw_only=True):
    """How far a webhook has come. `delivered` is the `sequence` of the last event that it has got."""

    receiver: str = ""
    events: list[str] = []
    state: str = ""
    attempts: int = 0
    delivered: int = 0
    next_attempt_at: datetime | None = None
    last_error: str = ""
    given_up_at: datetime | None = None


class JobWarning(Answer, frozen=True, kw_only=True):
    """What in a job message may do something else than its sender means, though the job was accepted."""

    reason: str = ""
    field: str = ""


class JobAddresses(Answer, frozen=True, kw_only=True):
    """What every answer about a job has: its id, its state, and where to follow it."""

    job_id: str
    state: str
    status_uri: str = ""
    result_uri: str = ""
    tasks_uri: str = ""
    events_uri: str = ""
    cancel_uri: str = ""


class Accepted(JobAddresses, frozen=True, kw_only=True):
    """A job that an app has accepted. `warnings`: it may do something else than its sender means."""

    warnings: list[JobWarning] = []


class TimeLeft(Answer, frozen=True, kw_only=True):
    """When the job will have ended, if its other tasks take as long as those that have ended, and why."""

    ends_at: datetime
    basis: str = ""


class Job(JobAddresses, frozen=True, kw_only=True):
    """A job as it is now."""

    workload: str = ""
    pool_id: str = ""
    metadata: dict[str, str] = {}
    created_at: datetime | None = None
    updated_at: datetime | None = None
    total: int = 0
    counts: TaskCounts = TaskCounts()
    attempts: int = 0
    retry_at: datetime | None = None
    cancel_requested: bool = False
    waiting_for: WaitingFor | None = None
    time_left: TimeLeft | None = None
    signatures_end: datetime | None = None
    error: JobError | None = None
    callback: Callback | None = None
    other_callbacks: list[Callback] = []
    webhooks: list[Webhook] = []
    rerun_of: str = ""

    @property
    def is_final(self) -> bool:
        """Return whether the job has ended."""
        return self.state in FINAL_STATES


class JobPage(Answer, frozen=True, kw_only=True):
    """A page of jobs."""

    jobs: list[Job]
    next_link: str = ""


class TaskError(Answer, frozen=True, kw_only=True):
    """Why a task failed: the exception, or Azure Batch's code. `category` says who has to act."""

    type: str = ""
    message: str = ""
    category: str = ""
    field: str = ""
    traceback: str = ""
    stderr: str = ""


class FailedTask(Answer, frozen=True, kw_only=True):
    """A failed task in an outcome."""

    task_id: str
    display_name: str = ""
    exit_code: int | None = None
    error: TaskError | None = None


class Task(FailedTask, frozen=True, kw_only=True):
    """A task as Azure Batch has it now. `result` is `success` or `failure` once it has completed."""

    state: str = ""
    kind: str = ""
    result: str = ""
    state_transition_time: datetime | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    retry_count: int = 0
    last_retry_time: datetime | None = None
    requeue_count: int = 0
    last_requeue_time: datetime | None = None
    node_id: str = ""

    @property
    def word(self) -> str:
        """Return the state in one word: `succeeded` or `failed` instead of `completed`."""
        if self.state != "completed" or not self.result:
            return self.state
        return "succeeded" if self.result == "success" else "failed"


class TaskPage(Answer, frozen=True, kw_only=True):
    """A page of tasks."""

    tasks: list[Task]
    next_link: str = ""


class ResultFile(Answer, frozen=True, kw_only=True):
    """A file that a job has left. The URI carries no signature."""

    name: str
    uri: str = ""


class TaskResult(Answer, frozen=True, kw_only=True):
    """What a task has published."""

    task_id: str
    result: Any = None


class FailureGroup(Answer, frozen=True, kw_only=True):
    """Tasks that failed for the same reason: how many, and the first of them."""

    type: str = ""
    category: str = ""
    message: str = ""
    count: int = 0
    first_task: str = ""
    tasks: list[str] = []
    exit_code: int | None = None
    traceback: str = ""
    stderr: str = ""
    first_at: datetime | None = None


class Failures(Answer, frozen=True, kw_only=True):
    """The failed tasks of a job in groups, the largest first."""

    failed: int = 0
    groups: list[FailureGroup] = []


class NodeHours(Answer, frozen=True, kw_only=True):
    """Hours of nodes. `unknown`: of nodes that were gone before anybody could look what they were."""

    dedicated: float = 0.0
    spot: float = 0.0
    unknown: float = 0.0

    @property
    def total(self) -> float:
        """All hours."""
        return self.dedicated + self.spot + self.unknown


class Cost(Answer, frozen=True, kw_only=True):
    """What nodes have cost while tasks ran (`used`), and while they ran none (`idle`)."""

    currency: str
    region: str = ""
    as_of: datetime | None = None
    used: float
    idle: float | None = None


class KindUsage(Answer, frozen=True, kw_only=True):
    """What the tasks of one kind have used. Times are in seconds."""

    kind: str
    tasks: int
    failed: int = 0
    task_seconds: float = 0.0
    longest_seconds: float = 0.0
    slot_seconds: float = 0.0
    lost_attempts: int = 0
    lost_seen: int = 0
    lost_seconds: float = 0.0
    mean_wait_seconds: float | None = None


class Usage(Answer, frozen=True, kw_only=True):
    """What the tasks of a job have used that have ended. `docs/usage.md` defines each figure."""

    tasks: int
    failed: int = 0
    task_seconds: float = 0.0
    slot_seconds: float = 0.0
    lost_attempts: int = 0
    lost_seen: int = 0
    lost_seconds: float = 0.0
    mean_wait_seconds: float | None = None
    vm_size: str = ""
    os: str = ""
    slots_per_node: int = 0
    core_hours: float | None = None
    node_hours_used: NodeHours = NodeHours()
    node_hours_idle: NodeHours | None = None
    utilisation: float | None = None
    cost: Cost | None = None
    kinds: list[KindUsage] = []


class Outcome(Answer, frozen=True, kw_only=True):
    """How a job ended."""

    job_id: str
    state: str
    workload: str = ""
    total: int = 0
    counts: TaskCounts = TaskCounts()
    error: JobError | None = None
    failed_tasks: list[FailedTask] = []
    failure_groups: list[FailureGroup] = []
    results: list[ResultFile] = []
    task_results: list[TaskResult] = []
    metadata: dict[str, str] = {}
    usage: Usage | None = None
    rerun_of: str = ""
    outcome_uri: str = ""

    @property
    def succeeded(self) -> bool:
        """Return whether every task succeeded."""
        return self.state == "succeeded"


class Event(Answer, frozen=True, kw_only=True, rename=None):
    """An event of a job: a CloudEvent. `data` is what `docs/events.md` says of its type."""

    id: str
    type: str
    subject: str = ""
    time: datetime | None = None
    sequence: str = ""
    data: dict[str, Any] = {}
    specversion: str = "1.0"
    source: str = ""
    datacontenttype: str = "application/json"
    traceparent: str = ""


class EventPage(Answer, frozen=True, kw_only=True):
    """A page of events. `state` is that of the job; an older app leaves it out."""

    events: list[Event]
    last: int
    state: str = ""


class LostRuns(Answer, frozen=True, kw_only=True):
    """Earlier runs that were lost with their node, or retried. `task` is the row of the task."""

    task: list[int] = []
    node: list[int] = []
    start: list[float | None] = []
    end: list[float | None] = []


class Timeline(Answer, frozen=True, kw_only=True):
    """When the tasks of a job have run, and where, as columns: each row is a task.

    `kind`, `state`, `node` and `error` are indexes of the names in `kinds`, `states`, `nodes` and `errors`;
    -1 is none. `start` and `end` are seconds after `origin`.
    """

    job_id: str
    job_state: str = ""
    as_of: datetime | None = None
    origin: datetime
    total: int = 0
    kinds: list[str] = []
    nodes: list[str] = []
    states: list[str] = []
    errors: list[str] = []
    task_id: list[str] = []
    kind: list[int] = []
    state: list[int] = []
    node: list[int] = []
    start: list[float | None] = []
    end: list[float | None] = []
    exit_code: list[int | None] = []
    error: list[int] = []
    retries: list[int] = []
    requeues: list[int] = []
    lost: LostRuns = LostRuns()


class TaskFile(Answer, frozen=True, kw_only=True):
    """A file of a task, on its node or kept in storage."""

    path: str
    size: int = 0
    last_modified: datetime | None = None
    source: str = ""


class TaskFiles(Answer, frozen=True, kw_only=True):
    """The files of a task."""

    files: list[TaskFile]


class ResultLink(Answer, frozen=True, kw_only=True):
    """Where a result can be read, for some minutes."""

    name: str
    uri: str
    expires_at: datetime | None = None
    size: int = 0


class Upload(Answer, frozen=True, kw_only=True):
    """Where to put a file. `message` is the job message that names an uploaded job message."""

    upload_uri: str
    method: str = "PUT"
    headers: dict[str, str] = {}
    expires_at: datetime | None = None
    message: dict[str, Any] = {}


class DeadLetter(Answer, frozen=True, kw_only=True):
    """A callback, a webhook or a message that was given up."""

    id: str
    kind: str = ""
    time: datetime | None = None
    reason: str = ""
    job_id: str = ""
    receiver: str = ""
    queue: str = ""
    message_id: str = ""


class DeadLetterPage(Answer, frozen=True, kw_only=True):
    """A page of dead letters."""

    dead_letters: list[DeadLetter]
    next_link: str = ""
