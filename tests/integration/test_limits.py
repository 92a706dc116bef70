"""Requests of unusual size, and a progress queue that somebody deletes: each job ends, and says why."""

import json
from pathlib import Path

from tests.integration.client import PROGRESS, Client
from tests.integration.messages import gated, job, task
from tests.integration.receiver import Receiver


async def test_a_field_name_of_30_000_letters_rejects_the_job_with_a_short_reason_and_a_callback(
    client: Client, receiver: Receiver, job_id: str
) -> None:
    await client.send(json.dumps({"jobId": job_id, "callBackUri": receiver.uri, "x" * 30_000: 1}).encode())
    outcome = await client.outcome(job_id)
    assert outcome["state"] == "rejected"
    assert outcome["error"]["field"].endswith("x… [cut from 30000 characters]")
    assert (await receiver.call()).body["Error"]["ErrorCode"] == "InvalidJob"
    assert await client.types(job_id) == ["job.rejected"]


async def test_a_job_whose_progress_queue_is_deleted_in_the_middle_goes_on_and_the_queue_is_made_again(
    client: Client, receiver: Receiver, job_id: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    await client.submit(job(job_id, gated("a", gate), task("b"), callBackUri=receiver.uri))
    await client.wait_for_event(job_id, "job.running")
    await client.queues.delete_queue(PROGRESS)
    assert (await client.post("/jobs", job(f"{job_id}-2", task("a")))).status == 202
    gate.touch()
    assert (await client.wait_until_delivered(job_id))["state"] == "succeeded"
    await client.wait_until_delivered(f"{job_id}-2")
    assert (await receiver.call()).body["StatusCode"] == "200"
    sent = {event["id"] for event in await client.take_events()}
    assert {f"jobs/{job_id}/job.succeeded", f"jobs/{job_id}-2/job.succeeded"} <= sent
    assert (await client.get("/health/details")).body["checks"]["progress"] == "ok"


async def test_more_failed_tasks_than_a_callback_holds_are_in_the_outcome_file(
    client: Client, job_id: str
) -> None:
    await client.submit(job(job_id, *(task(str(number), "exit 3") for number in range(1, 31))))
    outcome = await client.outcome(job_id)
    assert len(outcome["failedTasks"]) == 20
    assert outcome["outcomeUri"] == client.blobs.get_blob_client(f"job-{job_id}", "batchmgr-outcome.json").url
    whole = json.loads(await client.read(job_id, "batchmgr-outcome.json"))
    assert len(whole["failedTasks"]) == 30
