"""The use cases with fakes for all ports, driven tick by tick as the Functions host would drive them.

Triggers are at least once: a message or finalize blob is removed only after its handler has returned.
"""

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from batchmgr.adapters.job_followers import JobFollowers
from batchmgr.adapters.workload_registry import WorkloadRegistry
from batchmgr.dispatcher.memory_event_log import MemoryEventLog, MemoryTimelines
from batchmgr.dispatcher.memory_failures import MemoryFailures
from batchmgr.dispatcher.memory_job_list import MemoryJobList
from batchmgr.dispatcher.memory_ports import (
    MemoryDeliveries,
    MemoryFinalizeSignal,
    MemoryJobStore,
    MemoryLine,
    MemoryUploads,
    UnlimitedThreads,
)
from batchmgr.dispatcher.memory_queues import (
    MemoryDeadLetters,
    MemoryJobQueue,
    MemoryPoisonQueues,
    QueuedMessage,
)
from batchmgr.dispatcher.memory_retention import MemoryEndedJobs, NoOldMessages
from batchmgr.dispatcher.memory_webhooks import MemoryWebhookStatuses
from batchmgr.errors import JobNotFoundError
from batchmgr.functions.blob_finalize import finalize_blob
from batchmgr.functions.queue_callbacks import retry_callback
from batchmgr.functions.queue_job_requests import take_request
from batchmgr.functions.queue_polls import poll_share
from batchmgr.model.batch_snapshots import TaskSnapshot
from batchmgr.model.cloud_event import Event
from batchmgr.model.job_record import JobRecord
from batchmgr.model.task_progress import ProgressReport
from batchmgr.model.waiting_for import ObstacleKind
from batchmgr.plan.job_plan import JOB_MANAGER_TASK_ID, PLANNED_TASKS_FILE, REPORTS_FOLDER
from batchmgr.ports import Ports
from batchmgr.usecases.finalize import finalize_or_retry
from batchmgr.usecases.poll import poll
from batchmgr.wire.job_message import JobManagerTaskMessage, JobMessage
from batchmgr.wire.json_codec import encode
from batchmgr.wire.queue_message import JobReference
from batchmgr.wire.task_message import JobTasks, TaskMessage
from tests.fake_files import FakeBlobLinks, FakeJobFiles, FakeKeptFiles, FakeNodeStorage, FakeTaskFiles
from tests.fakes import FakeBatch, FakeCallbackSender, FakeClock, FakeEventSink

CALLBACK = "https://allowed/callback?secret=1"


def task(task_id: str, command: str = "/bin/true", *depends_on: str) -> TaskMessage:
    """Return a task of a job message."""
    return TaskMessage(id=task_id, command_line=command, depends_on=depends_on)


def job_message(*tasks: TaskMessage, job_id: str = "job-1", callback: str = CALLBACK) -> JobMessage:
    """Return a job message with these tasks. The default is two tasks that succeed."""
    return JobMessage(job_id=job_id, tasks=tasks or (task("1"), task("2")), call_back_uri=callback)


async def listed(tasks: Iterable[TaskSnapshot]) -> AsyncIterator[TaskSnapshot]:
    """Yield these tasks, as Azure Batch lists them."""
    for one in tasks:
        yield one


@dataclass
class Incoming:
    """A message that a caller has put on the job request queue."""

    body: bytes
    message_id: str


class World:
    """The fakes, and the triggers that call the use cases."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.storage = FakeNodeStorage()
        self.batch = FakeBatch(self.clock, self.storage.blobs)
        self.jobs = MemoryJobStore(self.clock)
        self.ended = MemoryEndedJobs(self.jobs)
        self.line = MemoryLine()
        self.listing = MemoryJobList()
        self.timelines = MemoryTimelines()
        self.events = MemoryEventLog()
        self.sink = FakeEventSink(self.clock)
        self.queue = MemoryJobQueue(self.clock)
        self.poison = MemoryPoisonQueues(self.queue)
        self.dead_letters = MemoryDeadLetters()
        self.uploads = MemoryUploads()
        self.finalize = MemoryFinalizeSignal()
        self.callbacks = FakeCallbackSender()
        self.deliveries = MemoryDeliveries()
        self.webhooks = MemoryWebhookStatuses()
        self.files = FakeJobFiles()
        self.node_files = FakeTaskFiles(self.batch)
        self.kept_files = FakeKeptFiles()
        self.links = FakeBlobLinks()
        self.failures = MemoryFailures()
        self.incoming: list[Incoming] = []
        self.triggered: set[str] = set()
        self._polled_at: datetime | None = None
        self.loses_finalize_triggers = False
        self.may_fail = False
        """Whether exceptions that nobody expects are part of the test. Otherwise they fail it."""

        self.ports = Ports(
            clock=self.clock,
            batch=self.batch,
            jobs=self.jobs,
            followers=JobFollowers(self.jobs, self.clock),
            line=self.line,
            listing=self.listing,
            timelines=self.timelines,
            events=self.events,
            sink=self.sink,
            queue=self.queue,
            finalize=self.finalize,
            storage=self.storage,
            files=self.files,
            node_files=self.node_files,
            kept_files=self.kept_files,
            links=self.links,
            failures=self.failures,
            callbacks=self.callbacks,
            deliveries=self.deliveries,
            webhooks=self.webhooks,
            workloads=WorkloadRegistry({}),
            threads=UnlimitedThreads(),
            uploads=self.uploads,
            poison=self.poison,
            dead_letters=self.dead_letters,
            ended=self.ended,
            old_messages=NoOldMessages(),
            default_pool_id="local",
        )

    def enqueue(self, message: JobMessage | bytes, message_id: str = "m-1") -> None:
        """Put a request on the job request queue."""
        body = message if isinstance(message, bytes) else encode(message)
        self.incoming.append(Incoming(body, message_id))

    def plan_on_node(self, *tasks: TaskMessage, job_id: str = "job-1") -> JobMessage:
        """Return a job message whose job manager task plans these tasks."""
        body = encode(JobTasks(tasks=tasks))
        blob = f"{job_id}/{PLANNED_TASKS_FILE}"
        self.batch.on_success[JOB_MANAGER_TASK_ID] = lambda: self.files.blobs.update({blob: body})
        manager = JobManagerTaskMessage(command_line="python3.8 -m legacy job-manager")
        return JobMessage(job_id=job_id, workload="legacy", job_manager_task=manager, call_back_uri=CALLBACK)

    def report(self, task_id: str, *, result: dict[str, int] | None = None, job_id: str = "job-1") -> None:
        """Report, as a task on a node does, that the task is done, and its result."""
        reports = self.files.reported.setdefault(job_id, [])
        reports.append(
            ProgressReport(
                task_id=task_id,
                version="1",
                time=self.clock.now(),
                fraction=1.0,
                message="done",
                result_key="k" if result else "",
            )
        )
        body = json.dumps({"result": result}).encode()
        self.files.blobs[f"{job_id}/{REPORTS_FOLDER}/{task_id}.json"] = body

    async def tick(self, ports: Ports | None = None) -> None:
        """Call every trigger that has something to do once, then advance the clock by a second."""
        ports = ports or self.ports
        while self.incoming:
            request = self.incoming[0]
            await take_request(ports, request.body, f"q-{request.message_id}")
            self.incoming.remove(request)
        while self.queue.returned:
            self.incoming.append(Incoming(self.queue.returned.pop(0), "returned"))
        await self.handle_messages(ports)
        for job_id in self.batch.run():
            await self.finalize.write(job_id, "{}")
        for job_id in list(self.finalize.blobs):
            if job_id not in self.triggered and not self.loses_finalize_triggers:
                await finalize_blob(ports, f"batchmgr-finalize/{job_id}.json")
                self.triggered.add(job_id)
        previous, self._polled_at = self._polled_at, self.clock.now()
        await poll(ports, previous)
        await self.deliveries.finish()
        for stored in filter(None, self.jobs.records.values()):
            obstacle = stored.value.obstacle
            if obstacle is not None and obstacle.kind is ObstacleKind.INTERNAL_ERROR and not self.may_fail:
                raise AssertionError(f"batchmgr hid an exception of job {stored.value.job_id}: {obstacle}")
        await self.clock.sleep(timedelta(seconds=1))

    async def handle_messages(self, ports: Ports | None = None) -> None:
        """Call the triggers of the queues that batchmgr writes to itself, for each visible message."""
        for message in [m for m in self.queue.messages if m.visible_at <= self.clock.now()]:
            await self._handle(ports or self.ports, message)
            self.queue.messages.remove(message)

    async def run_until_idle(self, ticks: int = 200, *, pause: timedelta = timedelta(0)) -> None:
        """Tick until no job is active and no message waits. With a `pause`, time passes between the ticks."""
        for _ in range(ticks):
            await self.tick()
            if pause:
                await self.clock.sleep(pause)
            if not (self.jobs.active or self.incoming or self.queue.messages or self.queue.returned):
                return
        raise AssertionError(f"still busy after {ticks} ticks: {self.jobs.records}, {self.queue.messages}")

    def record(self, job_id: str = "job-1") -> JobRecord:
        """Return the record of a job."""
        try:
            return self.jobs.records[job_id.lower()].value
        except KeyError as error:
            raise JobNotFoundError(job_id) from error

    def log(self, job_id: str = "job-1") -> list[Event]:
        """Return the event log of a job."""
        return self.events.logs[job_id.lower()]

    async def _handle(self, ports: Ports, message: QueuedMessage) -> None:
        if message.queue == "submit":
            await take_request(ports, encode(JobReference(stored_job_id=message.body)), "")
        elif message.queue == "finalize":
            await finalize_or_retry(ports, message.body, message.attempts)
        elif message.queue == "poll":
            await poll_share(ports, message.body.encode())
        else:
            await retry_callback(ports, encode(JobReference(stored_job_id=message.body)))
