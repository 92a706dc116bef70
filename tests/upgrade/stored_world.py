"""A world whose jobs are in real storage, and what is in it, as one JSON file.

What batchmgr stores of a job is its layout. A file like this freezes it, so that a later version can be
tested with what an earlier one has left.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobType
from azure.storage.blob.aio import BlobServiceClient, ContainerClient

from batchmgr.adapters.blob_event_log import BlobEventLog
from batchmgr.adapters.blob_job_list import BlobJobList
from batchmgr.adapters.blob_job_store import BlobJobStore
from batchmgr.adapters.blob_line import BlobLine
from batchmgr.model.batch_snapshots import TaskSnapshot
from batchmgr.plan.file_specifications import EVENTS_CONTAINER, JOBS_CONTAINER
from batchmgr.steps.keep_plan import find_plan
from batchmgr.steps.plan_job import grant_access
from tests.fakes import FakeClock
from tests.usecases.sweep_workload import Sweep
from tests.world import World

CONTAINERS = (JOBS_CONTAINER, EVENTS_CONTAINER)


class StoredBlob(msgspec.Struct, kw_only=True):
    """A blob of text."""

    container: str
    name: str
    content: str
    is_append: bool = False
    metadata: dict[str, str] = {}


class StoredBatchJob(msgspec.Struct, kw_only=True):
    """A job in Azure Batch. Its tasks are those of its plan: what they do follows from the stored request."""

    job_id: str
    digest: str
    state: str
    tasks: list[TaskSnapshot]


class Frozen(msgspec.Struct, kw_only=True):
    """Everything that is stored of some jobs at one moment."""

    at: datetime
    blobs: list[StoredBlob]
    batch_jobs: list[StoredBatchJob]


class PatientClock:
    """The clock of a world whose storage is real: pauses take their time, so that claims are not renewed."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.now, self.randomness = clock.now, clock.randomness

    async def sleep(self, delay: timedelta) -> None:
        """Wait for `delay`, on this clock too."""
        await asyncio.sleep(delay.total_seconds())
        self._clock.advance(delay)


@asynccontextmanager
async def stored_world(connection_string: str) -> AsyncIterator[World]:
    """Open a world with job store, event log and line in this storage account, and the workload `sweep`."""
    async with BlobServiceClient.from_connection_string(connection_string) as blobs:
        for name in CONTAINERS:
            with suppress(ResourceExistsError):
                await blobs.create_container(name)
        jobs = blobs.get_container_client(JOBS_CONTAINER)
        world = Sweep().world()
        world.ports = replace(
            world.ports,
            clock=PatientClock(world.clock),
            jobs=BlobJobStore(jobs),
            events=BlobEventLog(blobs.get_container_client(EVENTS_CONTAINER)),
            line=BlobLine(jobs),
            listing=BlobJobList(jobs),
        )
        yield world


async def freeze(world: World, connection_string: str) -> Frozen:
    """Return what is stored now."""
    async with BlobServiceClient.from_connection_string(connection_string) as blobs:
        found = [await _read(blobs.get_container_client(name)) for name in CONTAINERS]
    return Frozen(
        at=world.clock.now(),
        blobs=[blob for some in found for blob in some],
        batch_jobs=[
            StoredBatchJob(
                job_id=job.plan.job_id,
                digest=job.digest,
                state=job.state,
                tasks=list(job.snapshots.values()),
            )
            for job in world.batch.jobs.values()
        ],
    )


async def thaw(frozen: Frozen, world: World, connection_string: str) -> None:
    """Store all that again, and go on at the time when it was frozen."""
    async with BlobServiceClient.from_connection_string(connection_string) as blobs:
        for blob in frozen.blobs:
            client = blobs.get_blob_client(blob.container, blob.name)
            kind = BlobType.APPENDBLOB if blob.is_append else BlobType.BLOCKBLOB
            await client.upload_blob(blob.content.encode(), kind, metadata=blob.metadata)
    world.clock.advance(frozen.at - world.clock.now())
    for job in frozen.batch_jobs:
        await _restore(world, job)


async def _read(container: ContainerClient) -> list[StoredBlob]:
    found = []
    async for blob in container.list_blobs(include=["metadata"]):
        body = await (await container.download_blob(blob.name)).readall()
        found.append(
            StoredBlob(
                container=container.container_name,
                name=blob.name,
                content=body.decode(),
                is_append=blob.blob_type == BlobType.APPENDBLOB,
                metadata=blob.metadata or {},
            )
        )
    return found


async def _restore(world: World, job: StoredBatchJob) -> None:
    record = (await world.ports.jobs.load(job.job_id)).value
    plan = await find_plan(world.ports, record)
    assert plan is not None
    access = await grant_access(world.ports, plan)
    await world.batch.create_job(plan, access, job.digest)
    known = {task.task_id for task in job.tasks}
    tasks = await asyncio.to_thread(lambda: [task for task in plan.all_tasks if task.id in known])
    await world.batch.add_tasks(plan, tasks, access)
    memory = world.batch.jobs[job.job_id.lower()]
    for snapshot in job.tasks:
        memory.set(snapshot)
    memory.state = job.state
