"""What others do in the same Azure Batch account: they end or delete jobs, or have some of their own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from azure.batch import models
from azure.batch.aio import BatchClient
from azure.core.exceptions import HttpResponseError

from tests.integration.client import Client
from tests.integration.endless import ended, endless, pids_of
from tests.integration.messages import job, task
from tests.integration.receiver import Receiver
from tests.integration.waiting import until


async def test_a_batch_job_that_someone_deletes_is_failed_and_calls_back(
    client: Client, receiver: Receiver, job_id: str, tmp_path: Path
) -> None:
    await client.submit(job(job_id, endless(tmp_path), callBackUri=receiver.uri))
    pids = await pids_of(tmp_path)
    await client.batch.begin_delete_job(job_id, polling_interval=0)
    call = await receiver.call()
    assert (call.body["Output"]["state"], call.body["StatusCode"]) == ("failed", "500")
    assert call.body["Error"] == {
        "ErrorCode": "JobNotFound",
        "Message": "The Batch job is gone: it was deleted in Azure Batch.",
    }
    await ended(pids)
    await client.settled(job_id)
    assert len(receiver.calls) == 1
    assert (await client.get(f"/jobs/{job_id}/tasks")).status in {200, 404}


async def test_a_batch_job_that_someone_terminates_is_failed_and_calls_back(
    client: Client, receiver: Receiver, job_id: str, tmp_path: Path
) -> None:
    tasks = (endless(tmp_path), task("later", dependsOn=["endless"]))
    await client.submit(job(job_id, *tasks, callBackUri=receiver.uri))
    pids = await pids_of(tmp_path)
    reason: Any = {"terminateReason": "maintenance"}  # its model is not public
    await client.batch.begin_terminate_job(job_id, reason, polling_interval=0)
    call = await receiver.call()
    assert (call.body["Output"]["state"], call.body["StatusCode"]) == ("failed", "500")
    assert "1 of 2 tasks failed. 1 tasks did not run." in call.body["Error"]["Message"]
    assert "maintenance" in call.body["Error"]["Message"]
    await ended(pids)
    await client.settled(job_id)
    assert len(receiver.calls) == 1


async def test_a_batch_job_that_somebody_else_made_is_left_alone(
    client: Client, receiver: Receiver, job_id: str
) -> None:
    await client.batch.create_job(
        models.BatchJobCreateOptions(id=job_id, pool_info=models.BatchPoolInfo(pool_id="local"))
    )
    await client.submit(job(job_id, callBackUri=receiver.uri))
    call = await receiver.call()
    assert (call.body["Output"]["state"], call.body["StatusCode"]) == ("rejected", "400")
    assert "jobId" in call.body["Error"]["Message"]
    assert await client.batch_state(job_id) == "active"
    assert [task async for task in client.batch.list_tasks(job_id)] == []


async def test_a_submission_cut_off_after_its_last_step_is_taken_up_and_succeeds(
    client: Client, receiver: Receiver, job_id: str
) -> None:
    content = job(job_id, callBackUri=receiver.uri)
    await client.submit(content)
    await client.settled(job_id)
    # A second job of the same content, as a process that died before it could say so has left it in Azure
    # Batch: with everything in it, and over already.
    cut_off = f"{job_id}-cut-off"
    original = await client.batch.get_job(job_id)
    await client.batch.create_job(
        models.BatchJobCreateOptions(
            id=cut_off,
            pool_info=models.BatchPoolInfo(pool_id="local"),
            uses_task_dependencies=True,
            metadata=original.metadata,
        )
    )
    for each in ("only", "batchmgr-finalize"):
        await client.batch.create_task(
            cut_off, models.BatchTaskCreateOptions(id=each, command_line="/bin/true")
        )
    await client.batch.update_job(
        cut_off, models.BatchJobUpdateOptions(all_tasks_complete_mode="terminatejob")
    )

    async def over() -> bool:
        return await client.batch_state(cut_off) == "completed"

    await until(over)
    await client.submit(content | {"jobId": cut_off})
    outcome = await client.outcome(cut_off)
    assert (outcome["state"], outcome["error"]) == ("succeeded", None)


async def test_a_job_waits_for_a_full_account_and_runs_when_there_is_room(
    client: Client, job_id: str
) -> None:
    async with full_account(client.batch, job_id):
        await client.submit(job(job_id))
        await client.told(job_id, "job.waiting")
    outcome = await client.outcome(job_id)
    assert outcome["state"] == "succeeded"
    waiting = [e["data"] for e in await client.events(job_id) if e["type"] == "batchmgr.job.waiting"]
    assert [data["attempt"] for data in waiting] == list(range(1, len(waiting) + 1))
    assert {data["code"] for data in waiting} == {"ActiveJobAndScheduleQuotaReached"}


@asynccontextmanager
async def full_account(batch: BatchClient, prefix: str) -> AsyncIterator[None]:
    """Have as many active jobs in the account as it may have."""
    pool = models.BatchPoolInfo(pool_id="local")
    ids: list[str] = []
    try:
        while True:
            options = models.BatchJobCreateOptions(id=f"{prefix}-filler-{len(ids)}", pool_info=pool)
            try:
                await batch.create_job(options)
            except HttpResponseError as error:
                if "ActiveJobAndScheduleQuotaReached" in str(error):
                    break
                raise
            ids.append(str(options.id))
        yield
    finally:
        for each in ids:
            await batch.begin_delete_job(each, polling_interval=0)
