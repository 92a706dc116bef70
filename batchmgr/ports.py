"""What the use cases need from outside, one small Protocol for each thing, and all of them together.

Every method may raise ServiceBusyError (call again later, unchanged); other errors are named.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from batchmgr.adapters.workload_registry import WorkloadRegistry
from batchmgr.batch_bodies.files import ContainerGrant, Grants
from batchmgr.model.batch_snapshots import BatchJob, TaskCounts, TaskSnapshot
from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record import JobRecord
from batchmgr.model.task_progress import ProgressReport
from batchmgr.plan.file_specifications import ContainerNeed
from batchmgr.plan.job_plan import JobPlan, TaskPlan
from batchmgr.wire.adf_callback import AdfCallback
from batchmgr.wire.job_message import JobMessage

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Versioned(Generic[T]):
    """A stored value with the ETag it was loaded at, by which a later save is guarded."""

    value: T
    etag: str


class Clock(Protocol):
    """Time and chance."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...

    def randomness(self) -> int:
        """80 random bits."""
        ...

    async def sleep(self, delay: timedelta) -> None:
        """Wait."""
        ...


class BatchService(Protocol):
    """Azure Batch. Jobs and tasks have the ids of the plan."""

    async def require_pool(self, pool_id: str) -> None:
        """ServiceNotFoundError `PoolNotFound` if there is no such pool."""
        ...

    async def create_job(self, plan: JobPlan, grants: Grants, digest: str) -> None:
        """Add the job, open for tasks. ServiceConflictError `JobExists` if one of this id is there."""
        ...

    async def add_tasks(self, plan: JobPlan, tasks: Sequence[TaskPlan], grants: Grants) -> None:
        """Add some of the plan's tasks, ⌈N/100⌉ calls, concurrently. Tasks that exist already are kept."""
        ...

    async def delete_task(self, job_id: str, task_id: str) -> None:
        """Take a task out of the job. Nothing happens if it is not there."""
        ...

    async def terminate_when_done(self, job_id: str) -> None:
        """Let the job complete when all its tasks have, which frees its place in the quota."""
        ...

    async def get_job(self, job_id: str) -> BatchJob:
        """The job. ServiceNotFoundError if it is not there."""
        ...

    async def task_counts(self, job_id: str) -> TaskCounts:
        """The tasks' counts, in one call. They may lag."""
        ...

    def list_tasks(
        self, job_id: str, *, since: datetime | None = None, state: str = ""
    ) -> AsyncIterator[TaskSnapshot]:
        """The job's tasks; only those whose state changed at `since` or later, or that are in `state`."""
        ...

    async def get_task(self, job_id: str, task_id: str) -> TaskSnapshot:
        """One task. ServiceNotFoundError if it is not there."""
        ...

    async def read_file(self, job_id: str, task_id: str, path: str, max_bytes: int) -> bytes:
        """The last `max_bytes` of a task's file, empty if it is not there (any more)."""
        ...

    async def terminate_job(self, job_id: str, reason: str) -> None:
        """End the job and its running tasks. Nothing happens if it has ended or is not there."""
        ...


class JobStore(Protocol):
    """Requests, records and the index of active jobs. Job ids are found without regard to case."""

    async def save_request(self, job_id: str, message: JobMessage) -> JobMessage:
        """Store the request unless there is one; the one that is stored."""
        ...

    async def load_request(self, job_id: str) -> JobMessage:
        """The stored request. JobNotFoundError."""
        ...

    async def save_tasks(self, job_id: str, body: bytes) -> bytes:
        """Keep the job's tasks, where its request alone can't tell them, unless they are kept; those kept."""
        ...

    async def load_tasks(self, job_id: str) -> bytes | None:
        """The tasks that `save_tasks` has kept; None while there are none."""
        ...

    async def create(self, record: JobRecord) -> Versioned[JobRecord]:
        """Store a record unless there is one, and mark the job active; the one that is stored."""
        ...

    async def load(self, job_id: str) -> Versioned[JobRecord]:
        """The record. JobNotFoundError."""
        ...

    async def save(self, record: JobRecord, etag: str) -> Versioned[JobRecord]:
        """Store a changed record. RecordChangedError if it was changed since `etag`."""
        ...

    async def list_records(self, limit: int, after: str) -> tuple[Sequence[JobRecord], str]:
        """A page of records in order of id, and the token of the next page, empty at the end."""
        ...

    def active_ids(self) -> AsyncIterator[str]:
        """Ids of jobs whose last step is not done."""
        ...

    async def retire(self, job_id: str) -> None:
        """Take a job from the active index. Nothing happens if it is not there."""
        ...


class EventLog(Protocol):
    """The replayable log of each job's events."""

    async def append(self, job_id: str, events: Sequence[Event], offset: int) -> tuple[Sequence[Event], int]:
        """Add events, numbered; those the log holds behind `offset` (bytes) already are not added again.

        Returns the events as the log holds them, and the offset of its end.
        """
        ...

    async def read(self, job_id: str, after: int, limit: int) -> Sequence[Event]:
        """Events with a sequence above `after`, oldest first."""
        ...


class EventSink(Protocol):
    """Where events are sent: the progress queue."""

    async def send(self, events: Sequence[Event]) -> None:
        """Send events, at least once each."""
        ...


class JobQueue(Protocol):
    """The queues by which batchmgr calls itself."""

    async def request_submission(self, job_id: str, delay: timedelta = timedelta(0)) -> None:
        """Have a stored job submitted, after `delay` (at most 7 days)."""
        ...

    async def request_callback(self, job_id: str, delay: timedelta = timedelta(0)) -> None:
        """Have a finished job's callback delivered, after `delay`."""
        ...

    async def keep_poison(self, body: bytes) -> None:
        """Keep a job request that can't be read, as it came, in the poison queue."""
        ...

    async def bury_callback(self, job_id: str) -> None:
        """Keep an undeliverable callback in the poison queue."""
        ...


class FinalizeSignal(Protocol):
    """The finalize blob: that it is there tells that a job is to be finalized."""

    async def raise_for(self, job_id: str, content: str) -> None:
        """Write the job's finalize blob unless it is there."""
        ...


class NodeStorageView(Protocol):
    """What can be told of the storage that nodes reach, without changing anything."""

    def blob_uri(self, need: ContainerNeed, path: str) -> str:
        """The URI of a blob, without a signature."""
        ...

    def unsigned_grant(self, need: ContainerNeed, *, nodes_have_identity: bool) -> ContainerGrant:
        """What `grant` would answer, but for the signature. Nothing is made or asked.

        InvalidJobError for a container that nodes can't be let into.
        """
        ...

    def list_blobs(self, need: ContainerNeed, prefix: str) -> AsyncGenerator[str, None]:
        """The names of a container's blobs under a prefix, sorted; directories are none.

        ServiceNotFoundError without the container; InvalidJobError for one that batchmgr can't look into.
        """
        ...


class NodeStorage(NodeStorageView, Protocol):
    """Storage as the nodes reach it."""

    async def grant(
        self, needs: Collection[ContainerNeed], lifetime: timedelta, *, nodes_have_identity: bool
    ) -> Grants:
        """How nodes reach these containers, for at least `lifetime`. Written containers are made.

        Nodes of an auto pool have no identity: they are given signatures.
        """
        ...


class JobFiles(Protocol):
    """What a job's tasks and batchmgr leave for each other in the job's own container."""

    async def read(self, job_id: str, path: str) -> bytes | None:
        """A blob; None if it is not there."""
        ...

    async def write(self, job_id: str, path: str, content: bytes) -> None:
        """Leave a blob unless it is there. The container is."""
        ...

    async def reports(self, job_id: str) -> Sequence[ProgressReport]:
        """The newest report of each task that has reported, in one call for 5,000 tasks."""
        ...


class CallbackSender(Protocol):
    """The caller's webhook."""

    def check(self, uri: str) -> None:
        """Raise InvalidJobError (field callBackUri) if this host may not be called."""
        ...

    async def send(self, uri: str, body: AdfCallback, webhook_id: str) -> None:
        """POST the body once. ServiceError, without the URI in its text, if it was not taken."""
        ...


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Everything outside, as the use cases see it, and the few choices they need."""

    clock: Clock
    batch: BatchService
    jobs: JobStore
    events: EventLog
    sink: EventSink
    queue: JobQueue
    finalize: FinalizeSignal
    storage: NodeStorage
    files: JobFiles
    callbacks: CallbackSender
    workloads: WorkloadRegistry
    default_pool_id: str


__all__ = [
    "BatchService",
    "CallbackSender",
    "Clock",
    "ContainerGrant",
    "EventLog",
    "EventSink",
    "FinalizeSignal",
    "JobFiles",
    "JobQueue",
    "JobStore",
    "NodeStorage",
    "NodeStorageView",
    "Ports",
    "Versioned",
]
