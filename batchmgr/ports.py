"""What use cases and steps need from outside: one small Protocol for each thing, and all of them together.

Any method may raise ServiceBusyError: the same call will work later. A method's docstring names its other
errors.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import BinaryIO, Generic, Protocol, TypeVar

from batchmgr.callback_port import CallbackSender, Deliveries
from batchmgr.event_log_port import EventLog, Timelines
from batchmgr.file_ports import BlobLinks, KnownFailures, TaskFiles
from batchmgr.follow_port import Followers
from batchmgr.job_list_port import JobList
from batchmgr.line_port import Line
from batchmgr.model.active_job import ActiveJob
from batchmgr.model.batch_snapshots import BatchJob, NodeSnapshot, PoolSnapshot, TaskCounts, TaskSnapshot
from batchmgr.model.container_access import StorageAccess
from batchmgr.model.job_record import JobRecord
from batchmgr.model.price_table import PriceTable
from batchmgr.model.retention import Retention
from batchmgr.model.task_query import ALL_TASKS, TaskQuery
from batchmgr.plan.container_rules import DEFAULT_RULES, ContainerRules
from batchmgr.plan.job_plan import JobPlan, TaskPlan
from batchmgr.queue_ports import DeadLetters, EventSink, JobQueue, PoisonQueues
from batchmgr.retention_ports import EndedJobs, OldMessages
from batchmgr.storage_ports import JobFiles, NodeStorage, Uploads
from batchmgr.telemetry_port import NoTelemetry, Telemetry
from batchmgr.webhook_port import WebhookStatuses
from batchmgr.wire.job_message import JobMessage
from batchmgr.workload_ports import Workloads, WorkloadThreads

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Versioned(Generic[T]):
    """A stored value, and the ETag that it was loaded with. A later save fails if the ETag has changed."""

    value: T
    etag: str


class Clock(Protocol):
    """Time and randomness."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        ...

    def randomness(self) -> int:
        """Return 80 random bits."""
        ...

    async def sleep(self, delay: timedelta) -> None:
        """Wait for `delay`."""
        ...


Added = Callable[[int], None]
"""Is told a number of tasks."""


def ignored(count: int) -> None:
    """Do nothing with a number of tasks."""


class BatchService(Protocol):
    """Azure Batch. Batch jobs and tasks have the ids that the plan gives them."""

    async def require_pool(self, pool_id: str) -> None:
        """Raise ServiceNotFoundError `PoolNotFound` if there is no such pool."""
        ...

    async def get_pool(self, pool_id: str) -> PoolSnapshot:
        """Return the pool. Raise ServiceNotFoundError `PoolNotFound` if there is no such pool."""
        ...

    def list_nodes(self, pool_id: str) -> AsyncIterator[NodeSnapshot]:
        """Yield the nodes of a pool; none if the pool does not exist."""
        ...

    async def failed_preparations(self, job_id: str) -> dict[str, str]:
        """Return why the job preparation task failed, by the ids of the nodes where it did so for good."""
        ...

    async def create_job(self, plan: JobPlan, access: StorageAccess, digest: str) -> None:
        """Add the Batch job, without tasks. Raise ServiceConflictError `JobExists` if the id is taken."""
        ...

    async def add_tasks(
        self, plan: JobPlan, tasks: Iterable[TaskPlan], access: StorageAccess, added: Added = ignored
    ) -> None:
        """Add some of the plan's tasks, 100 a call, several calls at a time. Skip tasks that exist.

        `tasks` is read as they are sent. `added` is called with how many of the first are there by now.
        """
        ...

    async def delete_task(self, job_id: str, task_id: str) -> None:
        """Delete a task. Do nothing if it does not exist."""
        ...

    async def terminate_when_done(self, job_id: str) -> None:
        """Let the Batch job complete when all its tasks have. It then no longer counts for the quota."""
        ...

    async def get_job(self, job_id: str) -> BatchJob:
        """Return the Batch job. Raise ServiceNotFoundError if it does not exist."""
        ...

    async def task_counts(self, job_id: str) -> TaskCounts:
        """Return how many tasks are in which state, in one call. The counts may lag behind."""
        ...

    def list_tasks(
        self,
        job_id: str,
        *,
        since: datetime | None = None,
        state: str = "",
        without: str = "",
        failed: bool = False,
    ) -> AsyncIterator[TaskSnapshot]:
        """Yield the job's tasks, or only those in `state`, or whose state changed at `since` or later.

        Those in the state `without` are left out: such as `active`, in which most are in a large job that has
        just begun. `failed`: only those that have failed.
        """
        ...

    async def task_page(
        self, job_id: str, *, query: TaskQuery = ALL_TASKS, limit: int = 1000, token: str = ""
    ) -> tuple[Sequence[TaskSnapshot], str]:
        """Return a page of the tasks that a query lists, in one call, and the token of the next page, if any.

        A page may have fewer than `limit` tasks, even none, and still not be the last. Raise InvalidJobError
        for a token that no page has had.
        """
        ...

    async def get_task(self, job_id: str, task_id: str) -> TaskSnapshot:
        """Return one task. Raise ServiceNotFoundError if it does not exist."""
        ...

    async def time_limit(self, job_id: str, task_id: str) -> timedelta | None:
        """Return how long the task may run, or None. Raise ServiceNotFoundError if it does not exist."""
        ...

    async def read_file(
        self, job_id: str, task_id: str, path: str, max_bytes: int, *, from_start: int = 0
    ) -> bytes:
        """Return a task's file; nothing if the file, or its node, is gone.

        Of a file with more than `max_bytes`, return the first `from_start` bytes and then the last ones.
        """
        ...

    async def terminate_job(self, job_id: str, reason: str) -> None:
        """End the Batch job and its running tasks. Do nothing if it has ended or does not exist."""
        ...

    async def delete_job(self, job_id: str) -> None:
        """Have the Batch job deleted, which may take minutes. Do nothing if it is, or does not exist."""
        ...


class JobStore(Protocol):
    """Requests, records and the index of active jobs. Job ids are case-insensitive."""

    async def save_request(self, job_id: str, message: JobMessage) -> JobMessage | None:
        """Store the request unless one is stored for this job: then return that one."""
        ...

    async def load_request(self, job_id: str) -> JobMessage:
        """Return the stored request. Raise JobNotFoundError if there is none."""
        ...

    async def save_tasks(self, job_id: str, body: bytes) -> bytes:
        """Store the tasks of a job whose request does not list them, unless some are stored; return those."""
        ...

    async def load_tasks(self, job_id: str) -> bytes | None:
        """Return what `save_tasks` has stored, or None."""
        ...

    async def save_plan(self, job_id: str, file: BinaryIO) -> bool:
        """Store the plan of a job, read from the file's position on, unless one is stored.

        Return whether this one was stored.
        """
        ...

    async def load_plan(self, job_id: str, file: BinaryIO) -> bool:
        """Write the plan that `save_plan` has stored into a file. Return whether there is one."""
        ...

    async def save_receiver(self, job_id: str, key: str, uri: str) -> None:
        """Store the URI of a receiver that is attached to a job."""
        ...

    async def load_receiver(self, job_id: str, key: str) -> str:
        """Return the URI of an attached receiver. Raise JobNotFoundError if there is none."""
        ...

    async def activate(self, job_id: str, *, followed_until: datetime | None = None) -> None:
        """Add a job to the index of active jobs, or have the poller look into its record at the next poll.

        With `followed_until`, it looks into it at each poll until then.
        """
        ...

    async def create(self, record: JobRecord) -> Versioned[JobRecord]:
        """Store a record unless one is stored; return the stored one."""
        ...

    async def load(self, job_id: str) -> Versioned[JobRecord]:
        """Return the record. Raise JobNotFoundError if there is none."""
        ...

    async def load_changed(self, job_id: str, etag: str) -> Versioned[JobRecord] | None:
        """Return the record if its ETag is not this one, else None, in one call. Raise JobNotFoundError."""
        ...

    async def load_small(self, job_id: str) -> JobRecord | None:
        """Return the record, without what is large and no list shows of it; None if there is none."""
        ...

    async def save(self, record: JobRecord, etag: str) -> Versioned[JobRecord]:
        """Store a changed record. Raise RecordChangedError if somebody else has saved it since `etag`."""
        ...

    async def list_ids(self, limit: int, token: str) -> tuple[Sequence[str], str]:
        """Return the ids of a page of records, and the token of the next page, if any. One call lists 5,000.

        They are in lower case, and in order.
        """
        ...

    def active_jobs(self) -> AsyncIterator[ActiveJob]:
        """Yield the active jobs, those with a step still to do. One call lists 5,000."""
        ...

    async def note_active(self, job: ActiveJob) -> None:
        """Note what is known of an active job, unless its entry is gone or has changed since its `etag`."""
        ...

    async def deactivate(self, job_id: str) -> None:
        """Remove a job from the index of active jobs. Do nothing if it is not there."""
        ...


class FinalizeSignal(Protocol):
    """The finalize blob of a job. Its arrival triggers the finalize function."""

    async def write(self, job_id: str, content: str) -> None:
        """Write the job's finalize blob unless it exists."""
        ...

    async def delete(self, job_id: str) -> None:
        """Delete the job's finalize blob, if there is one."""
        ...

    async def older(self, before: datetime, limit: int) -> Sequence[str]:
        """Return the jobs of finalize blobs that were written before a time, as they are named there."""
        ...


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Everything outside, as the use cases see it, and the few settings that they need."""

    clock: Clock
    batch: BatchService
    jobs: JobStore
    followers: Followers
    line: Line
    listing: JobList
    events: EventLog
    timelines: Timelines
    sink: EventSink
    queue: JobQueue
    finalize: FinalizeSignal
    storage: NodeStorage
    files: JobFiles
    node_files: TaskFiles
    kept_files: TaskFiles
    links: BlobLinks
    failures: KnownFailures
    callbacks: CallbackSender
    deliveries: Deliveries
    webhooks: WebhookStatuses
    workloads: Workloads
    threads: WorkloadThreads
    uploads: Uploads
    poison: PoisonQueues
    dead_letters: DeadLetters
    ended: EndedJobs
    old_messages: OldMessages
    default_pool_id: str
    containers: ContainerRules = DEFAULT_RULES
    keep_streams: str = ""
    """After which end of a task its stdout and stderr are kept: `taskFailure`, `taskCompletion` or none."""
    body_limit: int = 8 * 1024 * 1024
    """How many bytes the body of an HTTP request may have."""
    callback_attempts: int = 10
    """After how many attempts a callback is given up, ten at most."""
    stall_limit: timedelta | None = None
    prices: PriceTable | None = None
    keep: Retention = Retention()  # noqa: RUF009 - it is frozen
    fair_share: str = ""
    """The metadata key whose values are the callers that take turns in the line; none if it is empty."""
    telemetry: Telemetry = field(default_factory=NoTelemetry)
