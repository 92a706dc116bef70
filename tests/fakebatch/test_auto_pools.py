"""Auto pools, and how long the files of tasks are kept."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.batch import models
from azure.batch.aio import BatchClient
from azure.core.exceptions import HttpResponseError

from tests.fakebatch.driving import add_job as add_pooled_job
from tests.fakebatch.driving import add_task, end_job, ended, job_in_state, shell, text_of, until
from tests.fakebatch.raw_http import request


async def _add_job(batch: BatchClient, job_id: str = "job", **auto: Any) -> str:
    specification = models.BatchAutoPoolSpecification(
        pool_lifetime_option=auto.pop("lifetime", "job"),
        pool=models.BatchPoolSpecification(vm_size="Small", target_dedicated_nodes=1),
        **auto,
    )
    info = models.BatchPoolInfo(auto_pool_specification=specification)
    await batch.create_job(models.BatchJobCreateOptions(id=job_id, pool_info=info))
    job = await batch.get_job(job_id)
    assert job.execution_info is not None
    return str(job.execution_info.pool_id)


async def _pool_ids(batch: BatchClient) -> list[str]:
    return [pool.id async for pool in batch.list_pools()]


async def test_a_job_has_a_pool_of_its_own_as_long_as_it_lives(batch: BatchClient) -> None:
    pool_id = await _add_job(batch)
    assert pool_id in await _pool_ids(batch)
    await add_task(batch, "t", "echo hi")
    await ended(batch, "t")
    assert await text_of(batch, "t") == "hi\n"
    await end_job(batch, "enough")
    await job_in_state(batch, "completed")

    async def gone() -> bool:
        return pool_id not in await _pool_ids(batch)

    await until(gone)
    with pytest.raises(HttpResponseError):
        await text_of(batch, "t")


async def test_an_auto_pool_may_be_kept(batch: BatchClient) -> None:
    pool_id = await _add_job(batch, keep_alive=True, auto_pool_id_prefix="Mine")
    assert pool_id.startswith("Mine_")
    await (await batch.begin_delete_job("job", polling_interval=0)).result()
    assert pool_id in await _pool_ids(batch)


async def test_deleting_a_job_deletes_its_auto_pool(batch: BatchClient) -> None:
    pool_id = await _add_job(batch)
    await (await batch.begin_delete_job("job", polling_interval=0)).result()

    async def gone() -> bool:
        return pool_id not in await _pool_ids(batch)

    await until(gone)


async def test_a_job_shows_what_its_pool_was_made_of(batch: BatchClient, endpoint: str) -> None:
    pool_id = await _add_job(batch)
    job = (await request(endpoint, "GET", "/jobs/job")).json
    assert job["poolInfo"] == {
        "autoPoolSpecification": {
            "poolLifetimeOption": "job",
            "keepAlive": False,
            "pool": {
                "vmSize": "small",
                "taskSlotsPerNode": 1,
                "taskSchedulingPolicy": {"nodeFillType": "Spread"},
                "resizeTimeout": "PT15M",
                "targetDedicatedNodes": 1,
                "targetLowPriorityNodes": 0,
                "enableAutoScale": False,
                "enableInterNodeCommunication": False,
            },
        }
    }
    assert job["executionInfo"]["poolId"] == pool_id


async def test_the_jobs_of_a_schedule_share_a_pool_as_long_as_it_lives(
    batch: BatchClient, endpoint: str
) -> None:
    auto = {
        "poolLifetimeOption": "jobschedule",
        "autoPoolIdPrefix": "s",
        "pool": {"vmSize": "small", "targetDedicatedNodes": 1},
    }
    body = {
        "id": "often",
        "schedule": {"recurrenceInterval": "PT1M"},
        "jobSpecification": {"poolInfo": {"autoPoolSpecification": auto}},
    }
    assert (await request(endpoint, "POST", "/jobschedules", body)).status == 201
    job = await batch.get_job("often:job-1")
    assert job.execution_info is not None
    pool_id = str(job.execution_info.pool_id)
    await end_job(batch, "enough", "often:job-1")
    await job_in_state(batch, "completed", "often:job-1")
    assert pool_id in await _pool_ids(batch)
    assert (await request(endpoint, "DELETE", "/jobschedules/often")).status == 202

    async def gone() -> bool:
        return pool_id not in await _pool_ids(batch)

    await until(gone)


async def test_files_of_a_task_are_removed_after_their_time(batch: BatchClient, tmp_path: Path) -> None:
    await add_pooled_job(batch)
    short = models.BatchTaskConstraints(retention_time=timedelta(seconds=0.5))
    await add_task(batch, "short", shell("echo hi"), constraints=short)
    await add_task(batch, "long", shell("echo hi"))
    await ended(batch, "short")
    await ended(batch, "long")

    async def removed() -> bool:
        try:
            await text_of(batch, "short")
        except HttpResponseError as error:
            return error.status_code == 409
        return False

    await until(removed)
    assert await text_of(batch, "long") == "hi\n"
    assert _find(tmp_path, "job-1/short") == []


def _find(root: Path, pattern: str) -> list[Path]:
    return list(root.rglob(pattern))
