"""Expand: the tasks that a `taskFactory` stands for are put into the message, so that it can be planned.

A sweep always gives the same tasks. Blobs come and go: so the tasks that a job has for its blobs are found
out once, when it is submitted, and kept; whoever plans the job later plans what is kept. Nothing is in Azure
Batch before that, so whoever is interrupted between finding and keeping leaves nothing behind, and of two who
find different blobs both go on with what was kept first.
"""

import asyncio
from contextlib import aclosing

import msgspec
from msgspec.structs import replace

from batchmgr.errors import InvalidJobError, ServiceNotFoundError
from batchmgr.factories.blob_patterns import matches
from batchmgr.factories.make_tasks import SOURCE, STAND_IN, SourceBlob, file_tasks, sweep_tasks
from batchmgr.factories.sweep_values import check_number
from batchmgr.plan.file_specifications import ContainerNeed
from batchmgr.ports import NodeStorageView, Ports
from batchmgr.wire.factory_message import BlobSource, TaskPerFile
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.task_message import JobTasks


async def expand(ports: Ports, job_id: str, message: JobMessage) -> JobMessage:
    """The message with its tasks, which from now on stay what they are. For submission.

    Raises InvalidJobError for a factory that makes none, or none that can be.
    """
    if not isinstance(message.task_factory, TaskPerFile):
        return await _with_sweep(message)
    kept = await expand_kept(ports, job_id, message)
    if kept is not None:
        return kept
    found = await expand_found(ports.storage, message)
    body = await asyncio.to_thread(msgspec.json.encode, JobTasks(tasks=found.tasks))
    return await _with_kept(message, await ports.jobs.save_tasks(job_id, body))


async def expand_kept(ports: Ports, job_id: str, message: JobMessage) -> JobMessage | None:
    """The message with the tasks that the job has; None if it was never submitted. For finalization."""
    if not isinstance(message.task_factory, TaskPerFile):
        return await _with_sweep(message)
    body = await ports.jobs.load_tasks(job_id)
    return None if body is None else await _with_kept(message, body)


async def expand_found(storage: NodeStorageView, message: JobMessage) -> JobMessage:
    """The message with a task for each blob that is there now. Nothing is kept."""
    factory = message.task_factory
    if not isinstance(factory, TaskPerFile):
        return await _with_sweep(message)
    blobs = await _find(storage, factory.source)
    return replace(message, tasks=await asyncio.to_thread(file_tasks, factory, blobs))


def expand_provisionally(message: JobMessage) -> JobMessage:
    """The message with its tasks, or with one for a blob made up, to see whether the factory can be used."""
    if isinstance(message.task_factory, TaskPerFile):
        return replace(message, tasks=file_tasks(message.task_factory, [STAND_IN]))
    return expand_sweep(message)


def expand_sweep(message: JobMessage) -> JobMessage:
    """The message with the tasks of its sweep; any other message as it is."""
    if message.task_factory is None or isinstance(message.task_factory, TaskPerFile):
        return message
    return replace(message, tasks=sweep_tasks(message.task_factory))


async def _with_sweep(message: JobMessage) -> JobMessage:
    return message if message.task_factory is None else await asyncio.to_thread(expand_sweep, message)


async def _with_kept(message: JobMessage, body: bytes) -> JobMessage:
    kept = await asyncio.to_thread(msgspec.json.decode, body, type=JobTasks)
    return replace(message, tasks=kept.tasks)


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
                    check_number(len(blobs), field=SOURCE)
    except InvalidJobError as error:
        raise InvalidJobError(error.reason, field=error.field or f"{SOURCE}.storageAccountName") from error
    except ServiceNotFoundError as error:
        raise InvalidJobError(
            f"there is no container {source.container_name!r}", field=f"{SOURCE}.containerName"
        ) from error
    return blobs
