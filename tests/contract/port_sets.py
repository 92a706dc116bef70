"""The sets of ports under test, each with the ways to look at what is behind them."""

import asyncio
import base64
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob.aio import BlobClient, BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from batchmgr.adapters.blob_event_log import BlobEventLog
from batchmgr.adapters.system_clock import SystemClock
from batchmgr.dispatcher.event_file import EventFile
from batchmgr.dispatcher.folder_job_files import FolderJobFiles
from batchmgr.dispatcher.folder_storage import FolderStorage
from batchmgr.dispatcher.folder_task_files import FolderTaskFiles
from batchmgr.dispatcher.local_batch import LocalBatch
from batchmgr.dispatcher.local_node import LocalNode
from batchmgr.dispatcher.memory_queues import QueuedMessage
from batchmgr.dispatcher.run_directory import RunDirectory
from batchmgr.event_log_port import EventLog
from batchmgr.model.batch_snapshots import TaskSnapshot
from batchmgr.plan.ids import job_key
from batchmgr.ports import Ports
from batchmgr.wire.event_batches import event_batches
from batchmgr.workload.workload_base import WorkloadBase
from tests.world import World

QUEUED = {
    "batchmgr-job-requests": "submit",
    "batchmgr-callbacks": "callback",
    "batchmgr-finalize": "finalize",
}


def _plain(content: str) -> str:
    """The text of a message that may be in base64."""
    try:
        return base64.b64decode(content, validate=True).decode()
    except ValueError:
        return content


def _queued(message: QueuedMessage) -> str:
    attempts = f',"attempts":{message.attempts}' if message.attempts else ""
    return f'{{"storedJobId":"{message.body}"{attempts}}}'


class PortSet(Protocol):
    """A set of ports, and a view of what is behind them."""

    ports: Ports

    async def run_tasks(self, job_id: str) -> None:
        """Run the tasks of a job until none can run."""
        ...

    async def finalize_blob(self, job_id: str) -> str | None:
        """Return the content of a finalize blob, or None."""
        ...

    async def messages(self, queue: str) -> list[str]:
        """Return the bodies of the visible messages of a queue."""
        ...

    async def finish_deliveries(self) -> None:
        """Have the callbacks delivered that were started, if that does not happen by itself."""
        ...

    async def upload(self, container: str, names: Collection[str]) -> None:
        """Create a container with blobs of these names."""
        ...

    def log_of_small_parts(self) -> EventLog:
        """Return the event log, but if it consists of append blobs, each takes three blocks."""

    async def put(self, url: str, body: bytes) -> None:
        """Upload to a URL that was granted."""
        ...


class FakePorts:
    """The in-memory fakes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.ports = world.ports

    async def run_tasks(self, job_id: str) -> None:
        self._world.batch.run()

    async def finalize_blob(self, job_id: str) -> str | None:
        return self._world.finalize.blobs.get(job_id)

    async def messages(self, queue: str) -> list[str]:
        kind = QUEUED.get(queue)
        if kind is not None:
            now = self._world.clock.now()
            waiting = [m for m in self._world.queue.messages if m.queue == kind and m.visible_at <= now]
            returned = [body.decode() for body in self._world.queue.returned] if kind == "submit" else []
            return returned + [_queued(message) for message in waiting]
        if queue == "batchmgr-progress":
            return [body.decode() for body in event_batches(self._world.sink.sent)]
        if queue == "batchmgr-callbacks-poison":
            return [f'{{"storedJobId":"{job_id}"}}' for job_id in self._world.queue.buried]
        return [body.decode() for body in self._world.queue.poison]

    async def finish_deliveries(self) -> None:
        await self._world.deliveries.finish()

    async def upload(self, container: str, names: Collection[str]) -> None:
        self._world.storage.blobs[container] = set(names)

    def log_of_small_parts(self) -> EventLog:
        return self.ports.events

    async def put(self, url: str, body: bytes) -> None:
        self._world.uploads.blobs[url.rpartition("/")[2]] = body


class DispatcherPorts:
    """The ports of a job that runs in one process, with real files."""

    def __init__(self, root: Path) -> None:
        directory = RunDirectory(root / "run")
        with directory.prepared("job", root / "inputs"):
            pass  # created
        clock = SystemClock()
        storage = FolderStorage(directory.storage, root / "inputs")
        self._batch = LocalBatch(clock, directory)
        self._node = LocalNode(directory, storage, WorkloadBase())
        self._inputs = root / "inputs"
        self._world = World()
        self._behind = FakePorts(self._world)
        self.ports = replace(
            self._world.ports,
            batch=self._batch,
            events=EventFile(directory.events),
            storage=storage,
            files=FolderJobFiles(directory.storage),
            node_files=FolderTaskFiles(directory),
        )

    def log_of_small_parts(self) -> EventLog:
        return self.ports.events

    async def finish_deliveries(self) -> None:
        await self._behind.finish_deliveries()

    async def upload(self, container: str, names: Collection[str]) -> None:
        (self._inputs / container).mkdir(parents=True)
        for name in names:
            blob = self._inputs / container / name
            blob.parent.mkdir(parents=True, exist_ok=True)
            if not name.endswith("/"):
                blob.write_bytes(b"")

    async def run_tasks(self, job_id: str) -> None:
        while (task := self._batch.start_next_task(job_id)) is not None:
            self._batch.record_exit(
                job_id, task.id, self._node.run(self._batch.jobs[job_key(job_id)].plan, task)
            )

    async def finalize_blob(self, job_id: str) -> str | None:
        return await self._behind.finalize_blob(job_id)

    async def messages(self, queue: str) -> list[str]:
        return await self._behind.messages(queue)

    async def put(self, url: str, body: bytes) -> None:
        await self._behind.put(url, body)


class RealPorts:
    """Azurite and the fake Azure Batch, over HTTP."""

    def __init__(self, ports: Ports, connection_string: str) -> None:
        self.ports = ports
        self._connection_string = connection_string

    async def run_tasks(self, job_id: str) -> None:
        before: list[TaskSnapshot] = []
        async with asyncio.timeout(60):
            while True:
                tasks = [task async for task in self.ports.batch.list_tasks(job_id)]
                states = {task.state for task in tasks}
                # One that has waited for another may be about to start: then it has, at the next look.
                if "completed" in states and not states & {"preparing", "running"} and tasks == before:
                    return
                before = tasks
                await asyncio.sleep(0.05)

    async def finalize_blob(self, job_id: str) -> str | None:
        async with BlobServiceClient.from_connection_string(self._connection_string) as blobs:
            try:
                blob = await blobs.get_blob_client("batchmgr-finalize", f"{job_id}.json").download_blob()
            except ResourceNotFoundError:
                return None
            return (await blob.readall()).decode()

    async def messages(self, queue: str) -> list[str]:
        async with QueueServiceClient.from_connection_string(self._connection_string) as queues:
            found = await queues.get_queue_client(queue).peek_messages(max_messages=32)
            return [_plain(message.content) for message in found]

    def log_of_small_parts(self) -> EventLog:
        assert isinstance(self.ports.events, BlobEventLog)
        return BlobEventLog(self.ports.events._container, max_blocks=3)

    async def finish_deliveries(self) -> None:
        pass

    async def upload(self, container: str, names: Collection[str]) -> None:
        async with BlobServiceClient.from_connection_string(self._connection_string) as blobs:
            client = await blobs.create_container(container)
            await asyncio.gather(*(client.upload_blob(name, b"") for name in names))

    async def put(self, url: str, body: bytes) -> None:
        async with BlobClient.from_blob_url(url) as blob:
            await blob.upload_blob(body)
