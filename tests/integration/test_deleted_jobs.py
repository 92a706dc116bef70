"""Deleting jobs: over HTTP, and by the command that the retention runs each night."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError

from batchmgr.devstack.stack import Stack
from batchmgr.plan.ids import job_container
from tests.integration.client import Answer, Client
from tests.integration.messages import Json, gated, job, output, task
from tests.integration.receiver import Receiver
from tests.integration.wait_until import until


async def places(client: Client, job_id: str) -> set[str]:
    """Return where something of a job is left."""
    found = {
        f"{container.name}/{name.partition('/')[0]}"
        async for container in client.blobs.list_containers()
        if container.name.startswith("batchmgr-")
        async for name in client.blobs.get_container_client(container.name).list_blob_names()
        if job_id in name
    }
    if await client.blobs.get_container_client(job_container(job_id)).exists():
        found.add("container")
    if await client.batch_job_ids({job_id}):
        found.add("Batch job")
    return found


async def delete(client: Client, job_id: str) -> Answer:
    """Delete a job as a client should: again, as long as the answer is 202."""

    async def done() -> Answer | None:
        answer = await client.delete(f"/jobs/{job_id}")
        return answer if answer.status != 202 else None

    return await until(done)


def with_result(job_id: str, **fields: Any) -> Json:
    """Return a job that leaves a file in its own container."""
    one = task("one", "echo hello > out.txt", outputFiles=[output("out.txt")])
    return job(job_id, one, **fields)


async def test_a_job_that_has_ended_is_deleted_with_all_it_has_left(
    client: Client, job_id: str, receiver: Receiver
) -> None:
    await client.submit(with_result(job_id, callBackUri=receiver.uri))
    await client.wait_until_delivered(job_id)
    assert {"container", "Batch job", "batchmgr-jobs/records", "batchmgr-jobs/requests"} <= await places(
        client, job_id
    )
    answer = await delete(client, job_id)
    assert (answer.status, answer.text) == (204, "")
    assert await places(client, job_id) == set()
    for path in (f"/jobs/{job_id}", f"/jobs/{job_id}/result", f"/jobs/{job_id}/events"):
        assert (await client.get(path)).status == 404
    again = await client.delete(f"/jobs/{job_id}")
    assert (again.status, again.body["title"]) == (404, "No such job")


async def test_a_job_that_runs_is_not_deleted(client: Client, job_id: str, tmp_path: Path) -> None:
    await client.submit(job(job_id, gated("slow", tmp_path / "gate")))
    await client.wait_for_event(job_id, "job.running")
    answer = await client.delete(f"/jobs/{job_id}")
    assert answer.status == 409
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.body["title"] == "The job has not ended"
    assert f"Cancel it first (POST /api/jobs/{job_id}/cancel)" in answer.body["detail"]
    (tmp_path / "gate").touch()
    assert (await client.outcome(job_id))["state"] == "succeeded"


async def test_after_that_the_same_id_is_a_new_job(client: Client, job_id: str) -> None:
    for text in ("first", "second"):
        await client.submit(job(job_id, task("a", f"echo {text}")))
        assert (await client.outcome(job_id))["state"] == "succeeded"
        events = await client.events(job_id)
        assert [event["type"] for event in events].count("batchmgr.job.queued") == 1
        assert events[0]["sequence"] == "0000000001"
        await client.wait_until_delivered(job_id)
        assert (await delete(client, job_id)).status == 204


@pytest.mark.real_limits  # the host looks at an idle queue ever more rarely
async def test_messages_and_finalize_blobs_that_come_later_make_no_job(client: Client, job_id: str) -> None:
    await client.submit(job(job_id))
    await client.outcome(job_id)
    assert (await delete(client, job_id)).status == 204
    text = json.dumps({"storedJobId": job_id})
    for queue in ("batchmgr-callbacks", "batchmgr-finalize"):
        await client.send_text(text, queue)
    await client.send_text(json.dumps({"longPollOf": job_id}), "batchmgr-polls")
    await client.blobs.get_blob_client("batchmgr-finalize", f"{job_id}.json").upload_blob(b"{}")

    async def handled() -> bool:
        names = ("batchmgr-callbacks", "batchmgr-finalize", "batchmgr-polls")
        clients = [client.queues.get_queue_client(name) for name in names]
        counts = [(await one.get_queue_properties()).approximate_message_count for one in clients]
        return not any(counts) and "batchmgr-jobs/active" not in await places(client, job_id)

    await until(handled)
    assert (await client.get(f"/jobs/{job_id}")).status == 404
    assert await places(client, job_id) <= {f"batchmgr-finalize/{job_id}.json"}  # for a day


async def retention(stack: Stack, *options: str, **settings: str) -> str:
    """Run the command, and return what it prints."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "batchmgr.cli", "retention", "--settings", stack.endpoints.settings_file),
        *options,
        env={**os.environ, **settings},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


async def test_the_command_shows_what_is_due_and_deletes_nothing(
    client: Client, stack: Stack, job_id: str
) -> None:
    await client.submit(with_result(job_id, retentionTime="PT0.2S"))
    await client.outcome(job_id)
    await client.wait_until_delivered(job_id)
    before = await places(client, job_id)

    async def shown() -> list[dict[str, str]]:
        lines = (await retention(stack, "-o", "jsonl")).splitlines()
        return [item for item in map(json.loads, lines) if item["name"] == job_id]

    [item] = await until(shown)
    assert item["what"] == "job"
    assert item["why"].endswith("kept for 0:00:00.200000")
    assert await places(client, job_id) == before


async def test_the_command_deletes_only_what_is_due(client: Client, stack: Stack, job_id: str) -> None:
    due, kept = f"{job_id}-due", f"{job_id}-kept"
    await client.submit(with_result(due, retentionTime="PT0.2S"))
    await client.submit(with_result(kept))
    for name in (due, kept):
        await client.outcome(name)
        await client.wait_until_delivered(name)

    async def gone() -> bool:
        await retention(stack, "--delete")
        return await places(client, due) == set()

    await until(gone)
    assert {"container", "Batch job"} <= await places(client, kept)
    with pytest.raises(ResourceNotFoundError):
        await client.blobs.get_container_client(job_container(due)).get_container_properties()
