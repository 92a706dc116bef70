"""Job messages as people send them: plain, encoded, uploaded, lost to the poison queue, or no jobs at all."""

import base64
import json
from io import BytesIO

import pytest

from tests.integration.client import POISON, Client
from tests.integration.messages import job, task
from tests.integration.receiver import Receiver
from tests.integration.wait_until import until


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "sent",
    [str, encoded, lambda text: "\ufeff" + text, lambda text: encoded(encoded(text))],
    ids=["as it is", "base64", "with a byte order mark", "twice in base64"],
)
async def test_a_job_runs_however_its_json_is_encoded(client: Client, job_id: str, sent: object) -> None:
    await client.send_text(sent(json.dumps(job(job_id, metadata={"name": "ü"}), ensure_ascii=False)))  # type: ignore[operator]
    outcome = await client.outcome(job_id)
    assert (outcome["state"], outcome["metadata"]) == ("succeeded", {"name": "ü"})


async def test_a_plain_message_without_a_job_id_is_named_after_its_message(client: Client) -> None:
    message_id = await client.send_text(json.dumps({"id": "mine", "tasks": [task("a")]}))
    outcome = await client.outcome(f"q-{message_id}")
    assert (outcome["state"], outcome["error"]["field"]) == ("rejected", "id")


async def rejection(client: Client, text: str) -> str:
    """Return the reason of the rejected job that this message becomes, after it is in the poison queue."""
    events: list[str] = []

    async def told() -> str | None:
        for event in await client.take_events():
            if event["type"] == "batchmgr.job.rejected" and event["data"]["jobId"].startswith("m-"):
                events.append(event["data"]["error"]["message"])
        return events[-1] if events else None

    await client.take(POISON)
    await client.send_text(text)
    reason = await until(told)

    async def kept() -> bool:
        messages = await client.queues.get_queue_client(POISON).peek_messages(32)
        return text in [message.content for message in messages]

    await until(kept)
    return reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("hello world, this is no job", "begins with 'hello world, this is no '"),
        ('{"jobId": "cut-off"', "neither JSON nor JSON in base64"),
        (
            json.dumps(
                [{"eventType": "Microsoft.Storage.BlobCreated", "subject": "/blobServices/x", "data": {}}]
            ),
            "an event of Event Grid (Microsoft.Storage.BlobCreated)",
        ),
    ],
)
async def test_what_is_no_job_is_rejected_with_the_reason_and_kept(
    client: Client, text: str, reason: str
) -> None:
    assert reason in await rejection(client, text)
    await client.take(POISON)


async def test_a_job_that_the_host_has_given_up_is_run_and_health_counts_what_lies_there(
    client: Client, receiver: Receiver, job_id: str
) -> None:
    await client.send_text("something that is kept")

    async def counted() -> bool:
        counts: dict[str, int] = (await client.get("/health/details")).body.get("poison", {})
        return counts.get(POISON, 0) > 0

    await until(counted)
    await client.send_text(json.dumps(job(job_id, callBackUri=receiver.uri)), POISON)
    call = await receiver.call()
    assert call.body["Output"]["state"] == "succeeded"
    await client.wait_until_delivered(job_id)
    await client.take(POISON)
    assert "poison" not in (await client.get("/health/details")).body


async def test_a_finalization_that_the_host_has_given_up_is_no_poison_for_long(client: Client) -> None:
    queue = "webjobs-blobtrigger-poison"
    await client.queues.create_queue(queue)
    other = json.dumps({"ContainerName": "photos", "BlobName": "a.png"})
    await client.send_text(other, queue)
    await client.send_text(
        encoded(json.dumps({"ContainerName": "batchmgr-finalize", "BlobName": "x.json"})), queue
    )

    async def only_the_other() -> bool:
        found = await client.queues.get_queue_client(queue).peek_messages(32)
        return [message.content for message in found] == [other]

    await until(only_the_other)
    await client.queues.delete_queue(queue)


async def test_a_large_job_is_uploaded_and_named(client: Client, job_id: str, receiver: Receiver) -> None:
    padding = {"metadata": {"padding": "x" * (9 * 1024 * 1024)}}
    large = json.dumps({"workload": "no_such", "inputs": padding}).encode()
    assert (await client.post("/jobs", large)).status == 413
    for number, (content, expected) in enumerate([(large, 400), (json.dumps(job("")).encode(), 202)]):
        granted = (await client.post("/uploads")).body
        put = client.http.request(
            granted["method"], granted["uploadUri"], data=BytesIO(content), headers=granted["headers"]
        )
        async with put as uploaded:
            assert uploaded.status == 201
        named = granted["message"] | {"jobId": f"{job_id}-{number}", "callBackUri": receiver.uri}
        assert (await client.post("/plan", named)).status == 200
        answer = await client.post("/jobs", named)
        assert answer.status == expected, answer.text
    await receiver.call()
    assert (await client.outcome(f"{job_id}-1"))["state"] == "succeeded"


async def test_an_upload_that_is_not_there_is_told(client: Client, job_id: str) -> None:
    answer = await client.post("/jobs", {"uploadedRequest": "never"})
    assert (answer.status, answer.body["field"]) == (400, "uploadedRequest")
    await client.send_text(json.dumps({"uploadedRequest": "never", "jobId": job_id}))
    outcome = await client.outcome(job_id)
    assert (outcome["state"], outcome["error"]["field"]) == ("rejected", "uploadedRequest")
