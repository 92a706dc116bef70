"""In-memory fakes of the ports for which batchmgr has none. Each passes the contract tests of its port."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from batchmgr.batch_bodies.kept_streams import KeptStreams
from batchmgr.batch_bodies.task_collections import encode_tasks
from batchmgr.dispatcher.memory_batch import MemoryBatch
from batchmgr.dispatcher.memory_job import TASK_ENDED, TaskExit
from batchmgr.errors import (
    InvalidJobError,
    ServiceBusyError,
    ServiceError,
    ServiceNotFoundError,
)
from batchmgr.model.batch_snapshots import BatchJob, NodeSnapshot, PoolSnapshot, TaskCounts, TaskError
from batchmgr.model.cloud_event import Event
from batchmgr.model.container_access import StorageAccess
from batchmgr.model.size_limits import MAX_EVENT
from batchmgr.model.stall import never_fits
from batchmgr.model.waiting_for import QUOTA_REACHED
from batchmgr.plan.ids import job_key
from batchmgr.plan.job_plan import FINALIZE_TASK_ID, JobPlan, TaskPlan
from batchmgr.ports import Added, ignored
from batchmgr.wire.adf_callback import AdfCallback
from tests.virtual_time import VirtualTimeLoop


class FakeClock:
    """A clock that follows the time of the event loop, which is virtual in most tests, from 2026 on."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._begun = 0.0
        self._random = 41

    def now(self) -> datetime:
        return self._now + timedelta(seconds=self._elapsed())

    def randomness(self) -> int:
        self._random += 1
        return self._random

    async def sleep(self, delay: timedelta) -> None:
        if isinstance(asyncio.get_running_loop(), VirtualTimeLoop):
            await asyncio.sleep(delay.total_seconds())
        else:  # a test with real I/O, which does not wait for pauses
            self.advance(delay)
            await asyncio.sleep(0.001)

    def advance(self, delay: timedelta) -> None:
        """Let time pass for readers of this clock. Tasks that sleep do not wake earlier."""
        self._now += delay

    def _elapsed(self) -> float:
        """Return the seconds on the loop since the first look at this clock."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return 0.0
        if not isinstance(loop, VirtualTimeLoop):
            return 0.0
        if self._loop is not loop:
            self._loop, self._begun = loop, loop.time()
        return loop.time() - self._begun


UPLOAD_FAILED = TaskError(
    type="FileUploadMiscError",
    category="ServerError",
    message="A miscellaneous error was encountered while attempting to upload an output file",
)


class FakeBatch(MemoryBatch):
    """Azure Batch whose tasks run when `run` is called. A task fails if its command is `/bin/false`."""

    def __init__(self, clock: FakeClock, blobs: dict[str, set[str]] | None = None) -> None:
        super().__init__(clock)
        self._fake_clock = clock
        self._blobs: dict[str, set[str]] = {} if blobs is None else blobs
        self._ends_at: dict[str, datetime] = {}
        self.end_takes = timedelta(0)
        """How long a job is terminating before its tasks have ended."""

        self.delete_takes = timedelta(0)
        """How long a job is being deleted."""

        self.deleted: list[str] = []
        """Ids of jobs that somebody has asked to delete."""

        self.fails_to_upload: set[str] = set()
        """Ids of tasks that do their work, and can't upload what they left."""

        self.pools = {"local"}
        self.pool = PoolSnapshot(
            pool_id="local", nodes=1, target_nodes=1, slots_per_node=4, has_inter_node_communication=True
        )
        """What every pool looks like."""

        self.nodes = [NodeSnapshot(node_id="node-1", state="idle")]
        self.quota: int | None = None
        """How many active jobs the account may have."""

        self.refused: list[str] = []
        """Ids of jobs that the quota has refused, once for each time."""

        self.unprepared: dict[str, str] = {}
        self.created: list[str] = []
        self.finished: list[str] = []
        self.fails: set[str] = set()
        """Ids of tasks that fail, whatever their command is."""

        self.on_success: dict[str, Callable[[], None]] = {}
        """What to do when a task succeeds, by task id."""

        self.files: dict[tuple[str, str], bytes] = {}
        """What completed tasks have left on their nodes, by task id and path."""

    async def require_pool(self, pool_id: str) -> None:
        if pool_id not in self.pools:
            raise ServiceNotFoundError("no such pool", code="PoolNotFound", status=404)

    async def get_pool(self, pool_id: str) -> PoolSnapshot:
        await self.require_pool(pool_id)
        return msgspec.structs.replace(self.pool, pool_id=pool_id)

    async def list_nodes(self, pool_id: str) -> AsyncIterator[NodeSnapshot]:
        if pool_id in self.pools:
            for node in self.nodes:
                yield node

    async def failed_preparations(self, job_id: str) -> dict[str, str]:
        return self.unprepared

    async def create_job(self, plan: JobPlan, access: StorageAccess, digest: str) -> None:
        active = sum(job.state != "completed" for job in self.jobs.values())
        if job_key(plan.job_id) not in self.jobs and self.quota is not None and active >= self.quota:
            self.refused.append(plan.job_id)
            raise ServiceBusyError("the account is full", code=QUOTA_REACHED, status=409)
        await super().create_job(plan, access, digest)
        self.created.append(plan.job_id)

    async def add_tasks(
        self, plan: JobPlan, tasks: Iterable[TaskPlan], access: StorageAccess, added: Added = ignored
    ) -> None:
        tasks = list(tasks)
        for need in (file.need for task in tasks for file in task.output_files):
            assert need in access
        for _ in encode_tasks(tasks, access, kept=KeptStreams.of(plan, access)):
            pass  # Azure Batch refuses a task of more than 1 MB
        await super().add_tasks(plan, tasks, access, added)

    def start_next_task(self, job_id: str) -> TaskPlan | None:
        """Start a task if the job's pool has a node for it."""
        job = self.jobs[job_key(job_id)]
        pool_id = job.plan.job.pool_id
        has_node = any(node.state == "idle" and node.node_id not in self.unprepared for node in self.nodes)
        if (pool_id and pool_id not in self.pools) or not has_node:
            return None
        return super().start_next_task(job_id)

    def can_place(self, task: TaskPlan) -> bool:
        return not never_fits(self.pool, task.required_slots, task.number_of_instances)

    async def read_file(
        self, job_id: str, task_id: str, path: str, max_bytes: int, *, from_start: int = 0
    ) -> bytes:
        task = self.jobs[job_key(job_id)].snapshots.get(task_id) if job_key(job_id) in self.jobs else None
        if task is None or task.state != "completed":
            return b""
        usual = b"words\non stderr\n" if path == "stderr.txt" else b""
        content = self.files.get((task_id, path), usual)
        if len(content) <= max_bytes:
            return content
        return content[:from_start] + content[len(content) - max_bytes + from_start :]

    def end_task(self, job_id: str, task_id: str) -> None:
        """End a running task, as Azure Batch does on request or at its time limit."""
        self.record_exit(job_id, task_id, TaskExit(error=TASK_ENDED))

    def run(self) -> list[str]:
        """Run all tasks that can run, in order of dependency. Return ids of jobs whose FinalizeTask ran."""
        finalized = []
        for job in list(self.jobs.values()):
            while (task := self.start_next_task(job.plan.job_id)) is not None:
                self._fake_clock.advance(timedelta(milliseconds=1))
                ending = TaskExit.exited(int(task.command_line == "/bin/false" or task.id in self.fails))
                if task.id in self.fails_to_upload:
                    ending = TaskExit(exit_code=0, error=UPLOAD_FAILED)
                elif ending.error is None:
                    self._upload(task)
                self.record_exit(job.plan.job_id, task.id, ending)
                if ending.error is None:
                    self.on_success.get(task.id, lambda: None)()
                if task.id == FINALIZE_TASK_ID and ending.error is None:
                    finalized.append(job.plan.job_id)
        self.finished += finalized
        return finalized

    async def get_job(self, job_id: str) -> BatchJob:
        await self._end_if_due(job_id)
        return await super().get_job(job_id)

    async def task_counts(self, job_id: str) -> TaskCounts:
        await self._end_if_due(job_id)
        return await super().task_counts(job_id)

    async def terminate_job(self, job_id: str, reason: str) -> None:
        job = self.jobs.get(job_key(job_id))
        if job is None or job.state != "active" or not self.end_takes:
            await super().terminate_job(job_id, reason)
            return
        job.state, job.terminate_reason = "terminating", reason
        job.state_transition_time = self._fake_clock.now()
        self._ends_at[job_key(job_id)] = self._fake_clock.now() + self.end_takes

    async def delete_job(self, job_id: str) -> None:
        job = self.jobs.get(job_key(job_id))
        if job is not None:
            self.deleted.append(job.plan.job_id)
        if job is None or not self.delete_takes:
            await super().delete_job(job_id)
            return
        job.state = "deleting"
        self._ends_at[job_key(job_id)] = self._fake_clock.now() + self.delete_takes

    async def _end_if_due(self, job_id: str) -> None:
        job, due = self.jobs.get(job_key(job_id)), self._ends_at.get(job_key(job_id))
        if job is not None and job.state == "deleting" and due is not None:
            if self._fake_clock.now() >= due:
                await super().delete_job(job_id)
            return
        if job is None or due is None or job.state != "terminating":
            return
        if self._fake_clock.now() >= due:
            await super().terminate_job(job_id, job.terminate_reason)

    def _upload(self, task: TaskPlan) -> None:
        """Leave the task's output files in storage, as far as they are no patterns."""
        for file in task.output_files:
            if not file.is_pattern and file.upload_condition != "taskFailure":
                self._blobs.setdefault(file.container_name, set()).add(file.blob_path)


class FakeEventSink:
    """An event sink that records what was sent. Like a queue message, it holds 48 KiB.

    `failure` is what it raises instead. `delay` is how long it takes for each call.
    """

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.sent: list[Event] = []
        self.calls = 0
        self.failure: ServiceError | None = None
        self.delay = timedelta(0)

    async def send(self, events: Sequence[Event]) -> None:
        self.calls += 1
        await self.check()
        if self.delay:
            await self._clock.sleep(self.delay)
        self.sent += [event for event in events if len(msgspec.json.encode(event)) <= MAX_EVENT]

    async def check(self) -> None:
        if self.failure is not None:
            raise self.failure


class FakeCallbackSender:
    """A receiver that fails the first `failures` times. It is always down at the URIs in `down`."""

    def __init__(self) -> None:
        self.received: list[tuple[str, AdfCallback, str]] = []
        self.traceparents: list[str] = []
        self.tried: list[tuple[str, Sequence[Event], str]] = []
        self.batches: list[tuple[str, Sequence[Event], str]] = []
        """The batches of events that webhooks were sent, and those that they have taken."""

        self.failures = 0
        self.event_failures = 0
        self.attempts = 0
        self.down: set[str] = set()

    def check(self, uri: str) -> None:
        if not uri.startswith("https://allowed/"):
            raise InvalidJobError("not allowed", field="callBackUri")

    async def send(
        self, uri: str, body: AdfCallback, webhook_id: str, limit: timedelta, traceparent: str = ""
    ) -> None:
        self.attempts += 1
        if uri in self.down:
            raise ServiceBusyError("receiver answered 500", code="", status=500)
        if self.failures:
            self.failures -= 1
            raise ServiceBusyError("receiver is down", code="Down")
        self.received.append((uri, body, webhook_id))
        self.traceparents.append(traceparent)

    async def send_events(
        self, uri: str, events: Sequence[Event], webhook_id: str, limit: timedelta, traceparent: str = ""
    ) -> None:
        self.tried.append((uri, events, webhook_id))
        if uri in self.down:
            raise ServiceBusyError("receiver answered 500", code="", status=500)
        if self.event_failures:
            self.event_failures -= 1
            raise ServiceBusyError("receiver is down", code="Down")
        self.batches.append((uri, events, webhook_id))
