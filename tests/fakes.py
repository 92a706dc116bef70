"""In-memory stand-ins for the ports. Each passes the contract suite that its real adapter passes."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from batchmgr.errors import (
    InvalidJobError,
    JobNotFoundError,
    RecordChangedError,
    ServiceBusyError,
    ServiceConflictError,
    ServiceNotFoundError,
)
from batchmgr.model.event import Event
from batchmgr.model.ids import job_key
from batchmgr.model.job import JobRecord
from batchmgr.model.outcome import count
from batchmgr.model.plan import ContainerNeed, JobPlan, TaskPlan
from batchmgr.model.task import BatchJob, TaskCounts, TaskError, TaskSnapshot
from batchmgr.ports import Versioned
from batchmgr.wire.adf_callback import AdfCallback
from batchmgr.wire.batch_body import ContainerGrant, Grants
from batchmgr.wire.job_message import JobMessage


class FakeClock:
    """Time that passes only when it is told to, or slept through."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    def randomness(self) -> int:
        return 42

    async def sleep(self, delay: timedelta) -> None:
        self._now += delay


@dataclass
class _Job:
    plan: JobPlan
    digest: str
    state: str = "active"
    terminate_reason: str = ""
    ends_when_done: bool = False
    tasks: dict[str, TaskPlan] = field(default_factory=dict)
    snapshots: dict[str, TaskSnapshot] = field(default_factory=dict)


class FakeBatch:
    """Azure Batch whose tasks succeed unless their command is `/bin/false`, and run when `run` is called."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.jobs: dict[str, _Job] = {}
        self.pools = {"local"}
        self.created: list[str] = []
        self.finished: list[str] = []

    async def require_pool(self, pool_id: str) -> None:
        if pool_id not in self.pools:
            raise ServiceNotFoundError("no such pool", code="PoolNotFound", status=404)

    async def create_job(self, plan: JobPlan, digest: str) -> None:
        if job_key(plan.job_id) in self.jobs:
            raise ServiceConflictError("exists", code="JobExists", status=409)
        self.jobs[job_key(plan.job_id)] = _Job(plan=plan, digest=digest)
        self.created.append(plan.job_id)

    async def add_tasks(self, job_id: str, tasks: Sequence[TaskPlan], grants: Grants) -> None:
        job = self._job(job_id)
        if job.state != "active":
            raise ServiceConflictError("over", code="JobCompleted", status=409)
        for task in tasks:
            for need in (file.need for file in task.output_files):
                assert need in grants
            if task.id not in job.tasks:
                job.tasks[task.id] = task
                self._set(job, task.id, state="active")

    async def terminate_when_done(self, job_id: str) -> None:
        self._job(job_id).ends_when_done = True
        self._end_if_done(self._job(job_id))

    async def get_job(self, job_id: str) -> BatchJob:
        job = self._job(job_id)
        return BatchJob(state=job.state, digest=job.digest, terminate_reason=job.terminate_reason)

    async def task_counts(self, job_id: str) -> TaskCounts:
        return count(self._job(job_id).snapshots.values())

    async def list_tasks(
        self, job_id: str, *, since: datetime | None = None, state: str = ""
    ) -> AsyncIterator[TaskSnapshot]:
        for task_id in sorted(self._job(job_id).snapshots):
            task = self._job(job_id).snapshots[task_id]
            if (since is None or task.state_transition_time >= since) and state in {"", task.state}:
                yield task

    async def get_task(self, job_id: str, task_id: str) -> TaskSnapshot:
        found = self._job(job_id).snapshots.get(task_id)
        if found is None:
            raise ServiceNotFoundError("no such task", code="TaskNotFound", status=404)
        return found

    async def read_file(self, job_id: str, task_id: str, path: str, max_bytes: int) -> bytes:
        task = self.jobs[job_key(job_id)].snapshots.get(task_id) if job_key(job_id) in self.jobs else None
        if path == "stderr.txt" and task is not None and task.state == "completed":
            return b"words\non stderr\n"[-max_bytes:]
        return b""

    async def terminate_job(self, job_id: str, reason: str) -> None:
        job = self.jobs.get(job_key(job_id))
        if job is None or job.state == "completed":
            return
        for task_id, task in job.snapshots.items():
            if task.state == "running":
                self._set(job, task_id, state="completed", result="failure")
        job.state, job.terminate_reason = "completed", reason

    def run(self) -> list[str]:
        """Run every task that can, in order of dependency; ids of the jobs whose FinalizeTask ran."""
        finalized = []
        for job in self.jobs.values():
            progress = job.state == "active"
            while progress:
                progress = False
                for task in list(job.tasks.values()):
                    if self._is_ready(job, task):
                        self._run(job, task)
                        progress = True
                        if task is job.plan.finalize_task or task.id == job.plan.finalize_task.id:
                            finalized.append(job.plan.job_id)
            self._end_if_done(job)
        self.finished += finalized
        return finalized

    def _is_ready(self, job: _Job, task: TaskPlan) -> bool:
        if job.snapshots[task.id].state != "active":
            return False
        for parent in task.depends_on:
            done = job.snapshots.get(parent)
            if done is None or not (done.has_succeeded or (done.has_failed and job.tasks[parent].is_leaf)):
                return False
        return True

    def _run(self, job: _Job, task: TaskPlan) -> None:
        self._clock._now += timedelta(milliseconds=1)
        if task.command_line == "/bin/false":
            error = TaskError(type="FailureExitCode", message="The task exited with a failure")
            self._set(job, task.id, state="completed", result="failure", exit_code=1, error=error)
        else:
            self._set(job, task.id, state="completed", result="success", exit_code=0)

    def _end_if_done(self, job: _Job) -> None:
        done = all(task.state == "completed" for task in job.snapshots.values())
        if job.ends_when_done and done and job.state == "active":
            job.state, job.terminate_reason = "completed", "AllTasksComplete"

    def _set(self, job: _Job, task_id: str, **changes: object) -> None:
        now = self._clock.now()
        old = job.snapshots.get(task_id)
        if old is None:
            job.snapshots[task_id] = TaskSnapshot(task_id=task_id, state="active", state_transition_time=now)
        else:
            job.snapshots[task_id] = msgspec.structs.replace(old, state_transition_time=now, **changes)

    def _job(self, job_id: str) -> _Job:
        job = self.jobs.get(job_key(job_id))
        if job is None:
            raise ServiceNotFoundError("no such job", code="JobNotFound", status=404)
        return job


class FakeJobStore:
    """Requests, records and the active index in dictionaries."""

    def __init__(self) -> None:
        self.requests: dict[str, JobMessage] = {}
        self.tasks: dict[str, bytes] = {}
        self.records: dict[str, Versioned[JobRecord]] = {}
        self.active: set[str] = set()
        self._version = 0

    async def save_request(self, job_id: str, message: JobMessage) -> JobMessage:
        return self.requests.setdefault(job_key(job_id), msgspec.structs.replace(message, job_id=job_id))

    async def load_request(self, job_id: str) -> JobMessage:
        if job_key(job_id) not in self.requests:
            raise JobNotFoundError(job_id)
        return self.requests[job_key(job_id)]

    async def save_tasks(self, job_id: str, body: bytes) -> bytes:
        return self.tasks.setdefault(job_key(job_id), body)

    async def load_tasks(self, job_id: str) -> bytes | None:
        return self.tasks.get(job_key(job_id))

    async def create(self, record: JobRecord) -> Versioned[JobRecord]:
        if job_key(record.job_id) not in self.records:
            self.active.add(job_key(record.job_id))
            self._store(record)
        return self.records[job_key(record.job_id)]

    async def load(self, job_id: str) -> Versioned[JobRecord]:
        if job_key(job_id) not in self.records:
            raise JobNotFoundError(job_id)
        return self.records[job_key(job_id)]

    async def save(self, record: JobRecord, etag: str) -> Versioned[JobRecord]:
        if self.records[job_key(record.job_id)].etag != etag:
            raise RecordChangedError("changed")
        return self._store(record)

    async def list_records(self, limit: int, after: str) -> tuple[Sequence[JobRecord], str]:
        keys = [key for key in sorted(self.records) if key > after]
        page = [self.records[key].value for key in keys[:limit]]
        return page, keys[limit - 1] if len(keys) > limit else ""

    async def active_ids(self) -> AsyncIterator[str]:
        for key in sorted(self.active):
            yield key

    async def retire(self, job_id: str) -> None:
        self.active.discard(job_key(job_id))

    def _store(self, record: JobRecord) -> Versioned[JobRecord]:
        self._version += 1
        stored = Versioned(value=record, etag=str(self._version))
        self.records[job_key(record.job_id)] = stored
        return stored


class FakeEventLog:
    """Each job's events in a list; the offset is their number."""

    def __init__(self) -> None:
        self.logs: dict[str, list[Event]] = {}

    async def append(self, job_id: str, events: Sequence[Event], offset: int) -> tuple[Sequence[Event], int]:
        log = self.logs.setdefault(job_key(job_id), [])
        known = {event.id: event for event in log[offset:]}
        for event in events:
            if event.id not in known:
                known[event.id] = event.numbered(len(log) + 1)
                log.append(known[event.id])
        return [known[event.id] for event in events], len(log)

    async def read(self, job_id: str, after: int, limit: int) -> Sequence[Event]:
        return self.logs.get(job_key(job_id), [])[after : after + limit]


class FakeEventSink:
    """Keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[Event] = []

    async def send(self, events: Sequence[Event]) -> None:
        self.sent += events


@dataclass(frozen=True)
class Waiting:
    """A message on one of batchmgr's queues."""

    queue: str
    body: str
    visible_at: datetime


class FakeJobQueue:
    """Queues whose messages stay until they are taken off after their handling."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.messages: list[Waiting] = []
        self.poison: list[bytes] = []
        self.buried: list[str] = []

    async def request_submission(self, job_id: str, delay: timedelta = timedelta(0)) -> None:
        self.messages.append(Waiting("submit", job_id, self._clock.now() + delay))

    async def request_callback(self, job_id: str, delay: timedelta = timedelta(0)) -> None:
        self.messages.append(Waiting("callback", job_id, self._clock.now() + delay))

    async def keep_poison(self, body: bytes) -> None:
        self.poison.append(body)

    async def bury_callback(self, job_id: str) -> None:
        self.buried.append(job_id)


class FakeFinalizeSignal:
    """Finalize blobs in a dictionary."""

    def __init__(self) -> None:
        self.blobs: dict[str, str] = {}

    async def raise_for(self, job_id: str, content: str) -> None:
        self.blobs.setdefault(job_id, content)


class FakeNodeStorage:
    """Grants everything; its blobs are names by container."""

    def __init__(self) -> None:
        self.blobs: dict[str, set[str]] = {}
        self.granted: list[ContainerNeed] = []

    async def grant(self, needs: Collection[ContainerNeed], lifetime: timedelta) -> Grants:
        self.granted += needs
        return {
            need: ContainerGrant(url=f"https://blob/{need.container_name}", query="s=1") for need in needs
        }

    def blob_uri(self, need: ContainerNeed, path: str) -> str:
        return f"https://blob/{need.container_name}/{path}"

    def unsigned_grant(self, need: ContainerNeed) -> ContainerGrant:
        return ContainerGrant(
            url=f"https://blob/{need.container_name}", identity_reference=need.identity_reference
        )

    async def list_blobs(self, need: ContainerNeed, prefix: str) -> AsyncGenerator[str, None]:
        if need.container_name not in self.blobs:
            raise ServiceNotFoundError("no such container", code="ContainerNotFound", status=404)
        for name in sorted(self.blobs[need.container_name]):
            if name.startswith(prefix) and not name.endswith("/"):
                yield name


class FakeCallbackSender:
    """A receiver that fails as often as it is told to."""

    def __init__(self) -> None:
        self.received: list[tuple[str, AdfCallback, str]] = []
        self.failures = 0
        self.asked = 0

    def check(self, uri: str) -> None:
        if not uri.startswith("https://allowed/"):
            raise InvalidJobError("not allowed", field="callBackUri")

    async def send(self, uri: str, body: AdfCallback, webhook_id: str) -> None:
        self.asked += 1
        if self.failures:
            self.failures -= 1
            raise ServiceBusyError("receiver is down", code="Down")
        self.received.append((uri, body, webhook_id))
