"""A whole session with the official client, as its users would write it."""

import asyncio
import time

import pytest
from azure.batch import BatchClient, models
from azure.batch.aio import BatchClient as AsyncBatchClient
from azure.core.exceptions import ResourceNotFoundError

from tests.fakebatch.driving import (
    add_job,
    add_task,
    credential,
    end_job,
    ended,
    job_in_state,
    shell,
    text_of,
)


async def test_the_synchronous_client_runs_a_job_from_pool_to_deletion(endpoint: str) -> None:
    await asyncio.to_thread(_synchronous_session, endpoint)


def _synchronous_session(endpoint: str) -> None:
    with BatchClient(endpoint, credential()) as batch:
        pool = models.BatchPoolCreateOptions(
            id="mine", vm_size="STANDARD_D2", target_dedicated_nodes=1, task_slots_per_node=4
        )
        batch.create_pool(pool)
        assert batch.pool_exists("mine")
        assert batch.get_pool("mine").vm_size == "standard_d2"
        info = models.BatchPoolInfo(pool_id="mine")
        batch.create_job(models.BatchJobCreateOptions(id="job", pool_info=info))
        new = [models.BatchTaskCreateOptions(id=f"t{i:03}", command_line=f"echo {i}") for i in range(120)]
        batch.create_tasks("job", new)
        _await_completion(batch, 120)
        stdout = b"".join(batch.download_task_file("job", "t042", "stdout.txt")).decode()
        assert stdout == "42\n"
        assert [task.id for task in batch.list_tasks("job", max_results=50)] == [task.id for task in new]
        batch.begin_delete_job("job", polling_interval=0).result()
        assert [job.id for job in batch.list_jobs()] == []
        batch.begin_delete_pool("mine", polling_interval=0).result()
        with pytest.raises(ResourceNotFoundError):
            batch.get_pool("mine")


def _await_completion(batch: BatchClient, tasks: int) -> None:
    deadline = time.monotonic() + 30
    while batch.get_job_task_counts("job").task_counts.succeeded < tasks:
        assert time.monotonic() < deadline
        time.sleep(0.02)


async def test_the_asynchronous_client_reads_the_files_of_a_task(batch: AsyncBatchClient) -> None:
    await add_job(batch)
    await add_task(
        batch, "writer", shell("echo out; echo err >&2; mkdir -p deep; echo 0123456789 > deep/a.txt")
    )
    assert (await ended(batch, "writer")).exit_code == 0
    assert await text_of(batch, "writer") == "out\n"
    assert await text_of(batch, "writer", "stderr.txt") == "err\n"
    stream = await batch.download_task_file("job", "writer", "wd/deep/a.txt", ocp_range="bytes=2-4")
    assert b"".join([part async for part in stream]) == b"234"
    properties = await batch.get_task_file_properties("job", "writer", "wd/deep/a.txt")
    assert properties.content_length == 11
    assert properties.file_mode == "0o100644"
    names = [file.name async for file in batch.list_task_files("job", "writer", recursive=True)]
    assert names == ["stderr.txt", "stdout.txt", "wd", "wd/deep", "wd/deep/a.txt"]
    with pytest.raises(ResourceNotFoundError):
        await text_of(batch, "writer", "wd/none.txt")


async def test_a_job_is_ended_disabled_and_enabled_through_pollers(batch: AsyncBatchClient) -> None:
    await add_job(batch, pool_id="later")
    options = models.BatchJobDisableOptions(disable_tasks="requeue")
    poller = await batch.begin_disable_job("job", options, polling_interval=0)
    await poller.result()
    assert (await batch.get_job("job")).state == "disabled"
    await (await batch.begin_enable_job("job", polling_interval=0)).result()
    assert (await batch.get_job("job")).state == "active"
    await end_job(batch, "enough")
    job = await job_in_state(batch, "completed")
    assert job.state == "completed"
    assert job.previous_state == "active"
    assert job.execution_info is not None
    assert job.execution_info.termination_reason == "enough"
