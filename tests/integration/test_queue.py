"""A job from the queue: its events, its progress messages, its callback and its results."""

from collections import Counter
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from batchmgr.devstack.project_paths import SAMPLE_GENOME
from tests.integration.client import Client
from tests.integration.messages import Json, gated, job, task
from tests.integration.receiver import Receiver
from tests.integration.wait_until import until

K = 3
WINDOWS = 4


async def genome_job(client: Client, job_id: str, **fields: Any) -> Json:
    genome = await client.upload("lambda.fa", SAMPLE_GENOME.read_bytes())
    inputs = {"genome": genome, "k": K, "windows": WINDOWS}
    return {"jobId": job_id, "workload": "genome_kmers", "inputs": inputs, **fields}


def counted_directly() -> Counter[str]:
    sequence = "".join(SAMPLE_GENOME.read_text().splitlines()[1:])
    return Counter(sequence[start : start + K] for start in range(len(sequence) - K + 1))


async def test_a_queued_message_becomes_a_job_with_results_and_a_callback(
    client: Client, receiver: Receiver, job_id: str
) -> None:
    await client.send(await genome_job(client, job_id, callBackUri=receiver.uri, metadata={"run": "nightly"}))
    outcome = await client.outcome(job_id)
    assert (outcome["state"], outcome["workload"], outcome["error"]) == ("succeeded", "genome_kmers", None)
    assert outcome["metadata"] == {"run": "nightly"}
    assert outcome["total"] == WINDOWS + 1
    assert outcome["counts"] == {
        "active": 0,
        "running": 0,
        "completed": WINDOWS + 1,
        "succeeded": WINDOWS + 1,
        "failed": 0,
    }
    results = {result["name"]: result["uri"] for result in outcome["results"]}
    assert set(results) == {
        "results/kmers.tsv",
        "results/gc_profile.tsv",
        "results/genome_kmers.png",
        "results/summary.json",
    }
    for name, uri in results.items():
        assert uri == client.blobs.get_blob_client(f"job-{job_id}", name).url
        assert await client.read(job_id, name)
    _, *rows = (await client.read(job_id, "results/kmers.tsv")).decode().splitlines()
    assert {row.split("\t")[0]: int(row.split("\t")[1]) for row in rows} == counted_directly()

    call = await receiver.call()
    assert call.body == {"Output": outcome, "StatusCode": "200"}
    assert call.headers["Content-Type"] == "application/json"
    assert call.headers["webhook-id"]
    assert abs(int(call.headers["webhook-timestamp"]) - datetime.now().timestamp()) < 60
    settled = await client.wait_until_delivered(job_id)
    assert settled["callback"] == {"state": "delivered", "attempts": 1}
    assert len(receiver.calls) == 1

    tasks = (await client.get(f"/jobs/{job_id}/tasks")).body["tasks"]
    assert {found["taskId"]: found["result"] for found in tasks} == {
        **{str(number): "success" for number in range(1, WINDOWS + 1)},
        "batchmgr-finalize": "success",
    }
    assert await client.batch_state(job_id) == "completed"


async def test_the_events_of_a_job_are_cloudevents_in_an_order_without_gaps_or_repeats(
    client: Client, job_id: str
) -> None:
    await client.send(await genome_job(client, job_id))
    await client.wait_until_delivered(job_id)
    events = await client.events(job_id)
    for event in events:
        assert event["specversion"] == "1.0"
        assert event["source"]
        assert event["datacontenttype"] == "application/json"
        assert datetime.fromisoformat(event["time"]).tzinfo is not None
        assert event["data"]["jobId"] == job_id
        about_task = event["type"].startswith("batchmgr.task.")
        task_id = f"/tasks/{event['data']['taskId']}" if about_task else ""
        assert event["subject"] == f"jobs/{job_id}{task_id}"
    assert [event["sequence"] for event in events] == [f"{n:010d}" for n in range(1, len(events) + 1)]
    repeated = [event_id for event_id, times in Counter(event["id"] for event in events).items() if times > 1]
    assert repeated == []
    states = [event["data"]["state"] for event in events if "state" in event["data"] and _is_of_job(event)]
    assert states == ["queued", "submitting", "running", "finalizing", "succeeded"]
    assert events[-1]["type"] == "batchmgr.job.succeeded"
    succeeded = [event["data"]["taskId"] for event in events if event["type"] == "batchmgr.task.succeeded"]
    assert sorted(succeeded) == [*map(str, range(1, WINDOWS + 1)), "batchmgr-finalize"]
    assert succeeded[-1] == "batchmgr-finalize"
    fractions = [e["data"]["fraction"] for e in events if e["type"] == "batchmgr.job.progress"]
    assert fractions[-1] == 1.0
    assert all(earlier <= later for earlier, later in pairwise(fractions))


def _is_of_job(event: Json) -> bool:
    return "/tasks/" not in event["subject"]


async def test_each_event_is_logged_once_although_poller_and_finalize_run_together(
    client: Client, job_id: str
) -> None:
    ids = [await client.submit(job(f"{job_id}-{n}", task("a"), task("b", "exit 1"))) for n in range(8)]
    for each in ids:
        await client.wait_until_delivered(each)
        logged = Counter(event["id"] for event in await client.events(each))
        assert [event_id for event_id, times in logged.items() if times > 1] == []


async def test_a_task_that_a_poll_sees_running_has_a_running_event_before_its_end(
    client: Client, job_id: str, tmp_path: Path
) -> None:
    await client.send(job(job_id, gated("slow", tmp_path / "gate")))
    await client.wait_for_event(job_id, "task.running")
    (tmp_path / "gate").touch()
    await client.outcome(job_id)
    states = [
        event["type"].removeprefix("batchmgr.task.")
        for event in await client.events(job_id)
        if event["subject"] == f"jobs/{job_id}/tasks/slow"
    ]
    assert states == ["running", "succeeded"]


async def test_the_progress_queue_has_the_events_that_notify_asks_for(client: Client, job_id: str) -> None:
    failing = task("failing", "exit 3")
    await client.send(job(job_id, task("fine"), failing, notify=["job.*", "task.failed"]))
    await client.wait_until_delivered(job_id)
    logged = await client.events(job_id)
    wanted = [
        event
        for event in logged
        if event["type"].startswith("batchmgr.job.") or event["type"] == "batchmgr.task.failed"
    ]
    assert 0 < len(wanted) < len(logged)
    sent: dict[str, Json] = {}

    async def complete() -> bool:
        for event in await client.take_events():
            if event["data"]["jobId"] == job_id:
                sent[event["id"]] = event
        return len(sent) >= len(wanted)

    await until(complete)
    assert sorted(sent.values(), key=lambda event: str(event["sequence"])) == wanted


async def test_a_message_without_a_job_id_gets_an_id_from_its_message_id(client: Client) -> None:
    message = job("")
    del message["jobId"]
    message_id = await client.send(message)
    outcome = await client.outcome(f"q-{message_id}")
    assert outcome["state"] == "succeeded"
