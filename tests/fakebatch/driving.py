"""Helpers of the tests of the fake Azure Batch."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from azure.batch import models
from azure.batch.aio import BatchClient
from azure.core.credentials import AzureNamedKeyCredential

from fakebatch.wire.shared_key import ACCOUNT_KEY, ACCOUNT_NAME

_PATIENCE_S = 60


def credential() -> AzureNamedKeyCredential:
    return AzureNamedKeyCredential(ACCOUNT_NAME, ACCOUNT_KEY)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until a condition holds; fail when it does not in good time."""
    async with asyncio.timeout(_PATIENCE_S):
        while not await condition():  # noqa: ASYNC110 - what is awaited happens in other processes
            await asyncio.sleep(0.01)


def shell(script: str) -> str:
    """Return the command line of a shell script; it holds no single quote."""
    return f"/bin/sh -c '{script}'"


async def add_job(batch: BatchClient, job_id: str = "job", **options: Any) -> None:
    pool = models.BatchPoolInfo(pool_id=options.pop("pool_id", "hpc"))
    await batch.create_job(models.BatchJobCreateOptions(id=job_id, pool_info=pool, **options))


async def add_task(
    batch: BatchClient, task_id: str, command_line: str = "true", job_id: str = "job", **options: Any
) -> None:
    task = models.BatchTaskCreateOptions(id=task_id, command_line=command_line, **options)
    await batch.create_task(job_id, task)


async def end_job(batch: BatchClient, reason: str, job_id: str = "job") -> None:
    """Ask for the end of a job, without waiting for it."""
    options: Any = {"terminateReason": reason}  # its model is not public
    await batch.begin_terminate_job(job_id, options, polling_interval=0)


async def task_in_state(
    batch: BatchClient, task_id: str, state: str = "completed", job_id: str = "job"
) -> models.BatchTask:
    """Return a task once it is in the state."""

    async def reached() -> bool:
        return (await batch.get_task(job_id, task_id)).state == state

    await until(reached)
    return await batch.get_task(job_id, task_id)


async def job_in_state(batch: BatchClient, state: str, job_id: str = "job") -> models.BatchJob:
    """Return a job once it is in the state."""

    async def reached() -> bool:
        return (await batch.get_job(job_id)).state == state

    await until(reached)
    return await batch.get_job(job_id)


async def ended(batch: BatchClient, task_id: str, job_id: str = "job") -> models.BatchTaskExecutionInfo:
    """Return how a task ended, once it is completed."""
    info = (await task_in_state(batch, task_id, job_id=job_id)).execution_info
    assert info is not None
    return info


async def failure_code(batch: BatchClient, task_id: str, job_id: str = "job") -> str | None:
    """Return the code of the failure of a task, once it is completed."""
    failure = (await ended(batch, task_id, job_id)).failure_info
    return failure.code if failure else None


async def text_of(batch: BatchClient, task_id: str, path: str = "stdout.txt", job_id: str = "job") -> str:
    """Return the content of a file of a task."""
    stream = await batch.download_task_file(job_id, task_id, path)
    return b"".join([part async for part in stream]).decode()


async def file_exists(batch: BatchClient, task_id: str, path: str, job_id: str = "job") -> bool:
    """Whether a task has a file."""
    return path in [file.name async for file in batch.list_task_files(job_id, task_id, recursive=True)]


def is_alive(pid: int) -> bool:
    """Whether a process of this machine still runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def all_dead(pids: list[int]) -> None:
    """Wait until none of the processes runs."""

    async def dead() -> bool:
        return not any(map(is_alive, pids))

    await until(dead)
