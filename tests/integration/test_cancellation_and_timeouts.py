"""Jobs that are cancelled, and jobs and tasks that reach their time limit."""

import asyncio
from pathlib import Path

import pytest

from tests.integration.client import Api, Client
from tests.integration.endless_task import ended, endless, pids_of
from tests.integration.messages import job, task
from tests.integration.receiver import Receiver
from tests.integration.wait_until import until


async def test_cancelling_a_running_job_ends_its_processes_and_sends_the_callback(
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
    await client.wait_until_delivered(job_id)
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
    assert [(await client.wait_until_delivered(each))["state"] for each in ids] == ["cancelled"] * len(ids)

    async def over() -> bool:
        return {await client.batch_state(each) for each in ids} <= {"completed", "gone"}

    await until(over)


@pytest.mark.smoke
async def test_a_job_that_is_cancelled_says_so(api: Api, job_id: str) -> None:
    await api.submit(job(job_id, task("long", "sleep 600")))
    assert (await api.post(f"/jobs/{job_id}/cancel")).status == 202
    outcome = await api.outcome(job_id)
    assert (outcome["state"], outcome["error"]["code"]) == ("cancelled", "Cancelled"), outcome


@pytest.mark.smoke
async def test_a_finished_job_cannot_be_cancelled(api: Api, job_id: str) -> None:
    await api.submit(job(job_id))
    await api.wait_until_delivered(job_id)
    answer = await api.post(f"/jobs/{job_id}/cancel")
    assert answer.status == 409
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert (await api.job(job_id))["state"] == "succeeded"


async def test_a_job_that_takes_too_long_times_out_and_sends_the_callback(
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
    await client.wait_until_delivered(job_id)
    assert len(receiver.calls) == 1


async def test_a_task_that_takes_too_long_fails_and_the_job_continues(client: Client, job_id: str) -> None:
    slow = task("slow", "sleep 600", maxWallClockTime="PT1S")
    await client.submit(job(job_id, task("quick"), slow))
    outcome = await client.outcome(job_id)
    assert outcome["state"] == "partial"
    (failed,) = outcome["failedTasks"]
    assert failed["taskId"] == "slow"
    assert failed["error"]["type"] == "TaskEnded"
