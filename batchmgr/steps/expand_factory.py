"""A taskFactory becomes the tasks of its job. They are made one by one: see `FactoryTasks`.

A sweep gives the same tasks each time. Blobs come and go: those of a taskPerFile factory are listed once,
when the job is submitted, and their names are stored. Every later step makes the tasks of these names. If two
processes list different blobs at the same time, both use the names that were stored first. Nothing is in
Azure Batch before that, so a process that dies in between leaves nothing behind.
"""

import asyncio

import msgspec

from batchmgr.factories.factory_tasks import FactoryTasks
from batchmgr.factories.parametric_sweep import sweep_tasks
from batchmgr.factories.task_per_file import SAMPLE_BLOB, SourceBlob, file_tasks
from batchmgr.ports import Ports
from batchmgr.steps.claim import ClaimedJob
from batchmgr.steps.list_source import list_and_tell, list_source, source_need
from batchmgr.storage_ports import NodeStorageView
from batchmgr.wire.factory_message import ParametricSweep, TaskFactory, TaskPerFile


async def expand(ports: Ports, mine: ClaimedJob, factory: TaskFactory) -> FactoryTasks:
    """Return the tasks of a job, and store the names of the blobs that they come from. For submission.

    Raise InvalidJobError for a factory that yields no tasks, or tasks that can't be.
    """
    job_id = mine.record.job_id
    if isinstance(factory, ParametricSweep):
        return await _sweep(job_id, factory)
    body = await ports.jobs.load_tasks(job_id)
    if body is None:
        names = await list_and_tell(ports, mine, factory.source)
        body = await ports.jobs.save_tasks(job_id, msgspec.json.encode(names))
    return await _of_files(ports.storage, job_id, factory, body)


async def expand_kept(ports: Ports, job_id: str, factory: TaskFactory) -> FactoryTasks | None:
    """Return the tasks with which the job was submitted; None if `expand` has never stored any."""
    if isinstance(factory, ParametricSweep):
        return await _sweep(job_id, factory)
    body = await ports.jobs.load_tasks(job_id)
    return None if body is None else await _of_files(ports.storage, job_id, factory, body)


async def expand_found(storage: NodeStorageView, job_id: str, factory: TaskFactory) -> FactoryTasks:
    """Return a task for each blob that exists now. Nothing is stored."""
    if isinstance(factory, ParametricSweep):
        return await _sweep(job_id, factory)
    names = await list_source(storage, factory.source)
    return await _of_files(storage, job_id, factory, msgspec.json.encode(names))


def expand_provisionally(job_id: str, factory: TaskFactory) -> FactoryTasks:
    """Return the tasks of a factory. An invented blob stands for the real ones, which are not listed.

    This shows at acceptance whether the factory can be used at all.
    """
    if isinstance(factory, ParametricSweep):
        return sweep_tasks(job_id, factory)
    return file_tasks(job_id, factory, [SAMPLE_BLOB])


async def _sweep(job_id: str, factory: ParametricSweep) -> FactoryTasks:
    return await asyncio.to_thread(sweep_tasks, job_id, factory)


async def _of_files(
    storage: NodeStorageView, job_id: str, factory: TaskPerFile, names: bytes
) -> FactoryTasks:
    """Return the tasks of these blobs. `names` is a JSON array."""
    need = source_need(factory.source)

    def make() -> FactoryTasks:
        blobs = [
            SourceBlob(name=name, url=storage.blob_uri(need, name))
            for name in msgspec.json.decode(names, type=list[str])
        ]
        return file_tasks(job_id, factory, blobs)

    return await asyncio.to_thread(make)
