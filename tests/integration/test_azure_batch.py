"""Somebody else uses the same Azure Batch account: ends or deletes jobs, or has jobs there."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from azure.batch import models
from azure.batch.aio import BatchClient
from azure.core.exceptions import HttpResponseError

from tests.integration.client import Client
from tests.integration.endless_task import ended, endless, pids_of
from tests.integration.messages import job, task
from tests.integration.receiver import Receiver
from tests.integration.wait_until import until


@pytest.mark.real_limits
async def test_a_deleted_batch_job_fails_the_job_and_sends_the_callback(
    client: Client, receiver: Receiver, job_id: str, tmp_path: Path
) -> None:
    await client.submit(job(job_id, endless(tmp_path), callBackUri=receiver.uri))
    pids = await pids_of(tmp_path)
    await client.batch.begin_delete_job(job_id, polling_interval=0)
    call = await receiver.call(seconds=90)  # Azure Batch is asked again after 20 s
    assert (call.body["Output"]["state"], call.body["StatusCode"]) == ("failed", "500")
    assert call.body["Error"] == {
        "ErrorCode": "JobNotFound",
        "Message": "The Batch job no longer exists: it was deleted in Azure Batch.",
    }
    await ended(pids)
    await client.wait_until_delivered(job_id)
    assert len(receiver.calls) == 1
    assert (await client.get(f"/jobs/{job_id}/tasks")).status in {200, 404}


async def test_a_terminated_batch_job_fails_the_job_and_sends_the_callback(
    client: Client, receiver: Receiver, job_id: str, tmp_path: Path
) -> None:
    tasks = (endless(tmp_path), task("later", dependsOn=["endless"]))
    await client.submit(job(job_id, *tasks, callBackUri=receiver.uri))
    pids = await pids_of(tmp_path)
    reason: Any = {"terminateReason": "maintenance"}  # the model is not public
    await client.batch.begin_terminate_job(job_id, reason, polling_interval=0)
    call = await receiver.call()
    assert (call.body["Output"]["state"], call.body["StatusCode"]) == ("failed", "500")
    assert "1 of 2 tasks failed. 1 did not run." in call.body["Error"]["Message"]
    assert "maintenance" in call.body["Error"]["Message"]
    await ended(pids)
    await client.wait_until_delivered(job_id)
    assert len(receiver.calls) == 1


async def test_a_batch_job_created_by_somebody_else_is_not_changed(
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


async def test_a_submission_interrupted_after_its_last_step_is_resumed_and_succeeds(
    client: Client, receiver: Receiver, job_id: str
) -> None:
    content = job(job_id, callBackUri=receiver.uri)
    await client.submit(content)
    await client.wait_until_delivered(job_id)
    # A second job with the same content, as a killed process would have left it in Azure Batch: complete, and
    # ended already.
    cut_off = f"{job_id}-cut-off"
    await recreate(client.batch, job_id, cut_off)
    await client.batch.update_job(
        cut_off, models.BatchJobUpdateOptions(all_tasks_complete_mode="terminatejob")
    )

    async def over() -> bool:
        return await client.batch_state(cut_off) == "completed"

    await until(over)
    await client.submit(content | {"jobId": cut_off})
    outcome = await client.outcome(cut_off)
    assert (outcome["state"], outcome["error"]) == ("succeeded", None)


async def test_a_batch_job_that_does_not_complete_by_itself_is_ended(client: Client, job_id: str) -> None:
    await client.wait_until_delivered(await client.submit(job(job_id)))
    cut_off = f"{job_id}-cut-off"
    async with full_account(client.batch, job_id) as fillers:
        await client.submit(job(cut_off))
        await client.wait_for_event(cut_off, "job.waiting")
        await leave_the_line(client, cut_off)
        # Meanwhile all its tasks are in Azure Batch: a process was killed before its last request.
        await client.batch.begin_delete_job(fillers.pop(), polling_interval=0)
        await recreate(client.batch, job_id, cut_off)
        await client.blobs.get_blob_client("batchmgr-finalize", f"{cut_off}.json").upload_blob(b"{}")
        assert (await client.outcome(cut_off))["state"] == "succeeded"

        async def over() -> bool:
            return await client.batch_state(cut_off) == "completed"

        await until(over)


async def test_a_job_waits_for_a_full_account_and_runs_when_there_is_room(
    client: Client, job_id: str
) -> None:
    async with full_account(client.batch, job_id):
        await client.submit(job(job_id))
        await client.wait_for_event(job_id, "job.waiting")
        assert (await client.job(job_id))["waitingFor"]["place"] == 1
    outcome = await client.outcome(job_id)
    assert outcome["state"] == "succeeded"
    waiting = [e["data"] for e in await client.events(job_id) if e["type"] == "batchmgr.job.waiting"]
    assert [data["code"] for data in waiting] == ["ActiveJobAndScheduleQuotaReached"]


async def leave_the_line(client: Client, job_id: str) -> None:
    """Remove the ticket of a job, so that batchmgr does not try to submit it for some minutes.

    Whoever has seen the ticket may be about to try: its claim ends when it has.
    """
    container = client.blobs.get_container_client("batchmgr-jobs")
    async for name in container.list_blob_names(name_starts_with="line/"):
        if name.endswith(f"/{job_id.lower()}"):
            await container.delete_blob(name)

    async def is_left_alone() -> bool:
        record = await container.download_blob(f"records/{job_id.lower()}.json")
        return "claim" not in json.loads(await record.readall())

    await until(is_left_alone)


async def recreate(batch: BatchClient, original_id: str, job_id: str) -> None:
    """Create the Batch job, with its tasks, that batchmgr creates for the same content with another id."""
    pool = models.BatchPoolInfo(pool_id="local")
    metadata = (await batch.get_job(original_id)).metadata
    options = models.BatchJobCreateOptions(
        id=job_id, pool_info=pool, uses_task_dependencies=True, metadata=metadata
    )

    async def created() -> bool:
        try:
            await batch.create_job(options)
        except HttpResponseError as error:
            if "ActiveJobAndScheduleQuotaReached" in str(error):  # a job that is being deleted counts
                return False
            raise
        return True

    await until(created)
    for each in ("only", "batchmgr-finalize"):
        await batch.create_task(job_id, models.BatchTaskCreateOptions(id=each, command_line="/bin/true"))

    async def done() -> bool:
        return all([task.state == "completed" async for task in batch.list_tasks(job_id)])

    await until(done)


@asynccontextmanager
async def full_account(batch: BatchClient, prefix: str) -> AsyncIterator[list[str]]:
    """Fill the account up to its quota of active jobs. Return the ids of the jobs created for that."""
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
        yield ids
    finally:
        for each in ids:
            await batch.begin_delete_job(each, polling_interval=0)
