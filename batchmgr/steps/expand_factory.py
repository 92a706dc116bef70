"""A taskFactory becomes the tasks of its message, so that the job can be planned.

A sweep gives the same tasks each time. Blobs come and go: the tasks of a taskPerFile factory are listed once,
when the job is submitted, and stored. Every later step plans the stored tasks. If two processes list
different blobs at the same time, both use the tasks that were stored first. Nothing is in Azure Batch before
that, so a process that dies in between leaves nothing behind.
"""

import asyncio
from contextlib import aclosing

import msgspec
from msgspec.structs import replace

from batchmgr.errors import InvalidJobError, ServiceNotFoundError
from batchmgr.factories.blob_patterns import matches
from batchmgr.factories.factory_tasks import check_task_count
from batchmgr.factories.parametric_sweep import sweep_tasks
from batchmgr.factories.task_per_file import SAMPLE_BLOB, SOURCE, SourceBlob, file_tasks
from batchmgr.plan.file_specifications import ContainerNeed
from batchmgr.ports import NodeStorageView, Ports
from batchmgr.wire.factory_message import BlobSource, TaskPerFile
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.json_codec import prepare
from batchmgr.wire.task_message import JobTasks

prepare(JobTasks)


async def expand(ports: Ports, job_id: str, message: JobMessage) -> JobMessage:
    """Return the message with its tasks, and store those that come from blobs. For submission.

    Raise InvalidJobError for a factory that yields no tasks, or tasks that can't be.
    """
    if not isinstance(message.task_factory, TaskPerFile):
        return await _with_sweep(message)
    kept = await expand_kept(ports, job_id, message)
    if kept is not None:
        return kept
    found = await expand_found(ports.storage, message)
    body = await asyncio.to_thread(msgspec.json.encode, JobTasks(tasks=found.tasks))
    return await _with_stored(message, await ports.jobs.save_tasks(job_id, body))


async def expand_kept(ports: Ports, job_id: str, message: JobMessage) -> JobMessage | None:
    """Return the message with the tasks that `expand` has stored; None if the job was never submitted."""
    if not isinstance(message.task_factory, TaskPerFile):
        return await _with_sweep(message)
    body = await ports.jobs.load_tasks(job_id)
    return None if body is None else await _with_stored(message, body)


async def expand_found(storage: NodeStorageView, message: JobMessage) -> JobMessage:
    """Return the message with a task for each blob that exists now. Nothing is stored."""
    factory = message.task_factory
    if not isinstance(factory, TaskPerFile):
        return await _with_sweep(message)
    blobs = await _find(storage, factory.source)
    return replace(message, tasks=await asyncio.to_thread(file_tasks, factory, blobs))


def expand_provisionally(message: JobMessage) -> JobMessage:
    """Return the message with its tasks. An invented blob stands for the real ones, which are not listed.

    This shows at acceptance whether the factory can be used at all.
    """
    if isinstance(message.task_factory, TaskPerFile):
        return replace(message, tasks=file_tasks(message.task_factory, [SAMPLE_BLOB]))
    return expand_sweep(message)


def expand_sweep(message: JobMessage) -> JobMessage:
    """Return the message with the tasks of its sweep; any other message unchanged."""
    if message.task_factory is None or isinstance(message.task_factory, TaskPerFile):
        return message
    return replace(message, tasks=sweep_tasks(message.task_factory))


async def _with_sweep(message: JobMessage) -> JobMessage:
    return message if message.task_factory is None else await asyncio.to_thread(expand_sweep, message)


async def _with_stored(message: JobMessage, body: bytes) -> JobMessage:
    stored = await asyncio.to_thread(msgspec.json.decode, body, type=JobTasks)
    return replace(message, tasks=stored.tasks)


async def _find(storage: NodeStorageView, source: BlobSource) -> list[SourceBlob]:
    need = ContainerNeed(
        container_name=source.container_name,
        storage_account_name=source.storage_account_name,
        identity_reference=source.identity_reference,
    )
    blobs = []
    try:
        async with aclosing(storage.list_blobs(need, source.prefix)) as names:
            async for name in names:
                if not source.pattern or matches(source.pattern, name):
                    blobs.append(SourceBlob(name=name, url=storage.blob_uri(need, name)))
                    check_task_count(len(blobs), field=SOURCE)
    except InvalidJobError as error:
        raise InvalidJobError(error.reason, field=error.field or f"{SOURCE}.storageAccountName") from error
    except ServiceNotFoundError as error:
        raise InvalidJobError(
            f"there is no container {source.container_name!r}", field=f"{SOURCE}.containerName"
        ) from error
    return blobs
