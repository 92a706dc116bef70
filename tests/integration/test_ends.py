"""Jobs that do not end by themselves: cancelled, too slow, or ended in Azure Batch by somebody else."""

import asyncio
from pathlib import Path
from typing import Any

from tests.integration.client import Client
from tests.integration.messages import Json, job, task
from tests.integration.receiver import Receiver
from tests.integration.waiting import until
from tests.local.liveness import is_alive


def endless(directory: Path) -> Json:
    """A task that would take ten minutes, and leaves its process ids in the directory."""
    return task("endless", f"sleep 600 & echo $! > {directory}/child; echo $$ > {directory}/shell; wait")


async def pids_of(directory: Path) -> list[int]:
    async def written() -> list[int]:
        files = [directory / "child", directory / "shell"]
        texts = [file.read_text() for file in files if file.exists()]
        return [int(text) for text in texts] if len(texts) == len(files) and all(texts) else []

    return await until(written)


async def ended(pids: list[int]) -> None:
    async def dead() -> bool:
        return not any(map(is_alive, pids))

    await until(dead)


async def test_cancelling_a_running_job_ends_its_processes_and_calls_back(
    client: Client, receiver: Receiver, job_id: str, tmp_path: Path
) -> None:
    await client.submit(job(job_id, endless(tmp_path), callBackUri=receiver.uri))
    pids = await pids_of(tmp_path)
    answer = await client.post(f"/jobs/{job_id}/cancel")
    assert (answer.status, answer.body["jobId"]) == (202, job_id)
    again = await client.post(f"/jobs/{job_id}/cancel")
    assert again.status == 202
    await ended(pids)
    call = await receiver.call()
    assert (call.body["Output"]["state"], call.body["StatusCode"]) == ("cancelled", "499")
    assert call.body["Error"] == {"ErrorCode": "Cancelled", "Message": "The job was cancelled."}
    await client.settled(job_id)
    assert len(receiver.calls) == 1
    assert (await client.types(job_id)).count("job.cancelled") == 1
    assert await client.batch_state(job_id) == "completed"
    late = await client.post(f"/jobs/{job_id}/cancel")
    assert (late.status, late.body["state"]) == (202, "cancelled")


async def test_a_job_cancelled_at_once_is_never_left_running(client: Client, job_id: str) -> None:
    ids = [f"{job_id}-{number}" for number in range(12)]

    async def submit_and_cancel(each: str) -> None:
        await client.submit(job(each, task("long", "sleep 600")))
        assert (await client.post(f"/jobs/{each}/cancel")).status == 202

    await asyncio.gather(*map(submit_and_cancel, ids))
    assert [(await client.settled(each))["state"] for each in ids] == ["cancelled"] * len(ids)

    async def over() -> bool:
        return {await client.batch_state(each) for each in ids} <= {"completed", "gone"}

    await until(over)


async def test_a_finished_job_cannot_be_cancelled(client: Client, job_id: str) -> None:
    await client.submit(job(job_id))
    await client.settled(job_id)
    answer = await client.post(f"/jobs/{job_id}/cancel")
    assert answer.status == 409
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert (await client.job(job_id))["state"] == "succeeded"


async def test_a_job_that_takes_too_long_is_timed_out_and_calls_back(
    client: Client, receiver: Receiver, job_id: str, tmp_path: Path
) -> None:
    message = job(job_id, task("quick"), endless(tmp_path), maxWallClockTime="PT2S", callBackUri=receiver.uri)
    await client.submit(message)
    pids = await pids_of(tmp_path)
    call = await receiver.call()
    assert (call.body["Output"]["state"], call.body["StatusCode"]) == ("timed_out", "504")
    assert call.body["Error"] == {
        "ErrorCode": "MaxWallClockTimeExpiry",
        "Message": "The job took longer than its maxWallClockTime; 1 of 2 tasks succeeded.",
    }
    await ended(pids)
    await client.settled(job_id)
    assert len(receiver.calls) == 1


async def test_a_task_that_takes_too_long_fails_and_the_job_goes_on(client: Client, job_id: str) -> None:
    slow = task("slow", "sleep 600", maxWallClockTime="PT1S")
    await client.submit(job(job_id, task("quick"), slow))
    outcome = await client.outcome(job_id)
    assert outcome["state"] == "partial"
    (told,) = outcome["failedTasks"]
    assert told["taskId"] == "slow"
    assert told["error"]["type"] == "TaskEnded"


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
