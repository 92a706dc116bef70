"""Missing roles and tokens hold jobs up, and are named. Once they are there, the jobs go on."""

from pathlib import Path

import pytest

from tests.identity.roles import Roles
from tests.integration.client import Client
from tests.integration.messages import Json, gated, job, output, task
from tests.integration.wait_until import until

BATCH, BLOBS = "Azure Batch Data Contributor", "Storage Blob Data Owner"
AUTO_POOL = {
    "vmSize": "standard_d2s_v3",
    "image": {"publisher": "almalinux", "offer": "almalinux-hpc", "sku": "8", "version": "latest"},
    "nodeAgentSkuId": "batch.node.el 8",
}


async def waits(client: Client, job_id: str) -> Json:
    """Wait until the job says what it waits for."""

    async def told() -> Json | None:
        return (await client.job(job_id)).get("waitingFor")

    return await until(told)


async def test_a_job_waits_for_the_role_on_azure_batch(client: Client, roles: Roles, job_id: str) -> None:
    before = await roles.now()
    await roles.remove(BATCH)
    await client.submit(job(job_id))
    why = await waits(client, job_id)
    assert why["code"] == "PermissionDenied"
    assert f"client id {roles.client_id}" in why["reason"]
    assert f"the role {BATCH} on the Batch account" in why["reason"]
    await client.wait_for_event(job_id, "job.waiting")
    await roles.assign(before)
    assert (await client.outcome(job_id))["state"] == "succeeded"


async def test_a_running_job_goes_on_after_the_role_on_blobs_was_missing(
    client: Client, roles: Roles, job_id: str, tmp_path: Path
) -> None:
    before = await roles.now()
    work = gated("work", tmp_path / "gate", outputFiles=[output("../stdout.txt", "said.txt")])
    await client.submit(job(job_id, work))
    await client.wait_for_event(job_id, "task.running")
    await roles.confine_to_host(BLOBS)

    async def is_named() -> bool:
        answer = await client.get(f"/jobs/{job_id}")
        return answer.status == 503 and f"the role {BLOBS} on the storage account" in answer.text

    await until(is_named)
    await roles.assign(before)
    (tmp_path / "gate").touch()
    assert (await client.outcome(job_id))["state"] == "succeeded"
    assert await client.read(job_id, "said.txt") == b""


@pytest.mark.without_keys
async def test_a_job_that_ends_while_the_role_on_blobs_is_missing_loses_only_its_files(
    client: Client, roles: Roles, job_id: str, tmp_path: Path
) -> None:
    """The signatures of nodes allow no more than the roles of the app. The job ends by the poller."""
    before = await roles.now()
    done = gated("done", tmp_path / "gate")
    files = gated("files", tmp_path / "gate", outputFiles=[output("../stdout.txt", "said.txt")])
    await client.submit(job(job_id, done, files))
    await client.wait_for_event(job_id, "task.running")
    await roles.confine_to_host(BLOBS)
    (tmp_path / "gate").touch()

    async def has_ended_in_batch() -> bool:
        return all([one.state == "completed" async for one in client.batch.list_tasks(job_id)])

    await until(has_ended_in_batch)
    await roles.assign(before)
    outcome = await client.outcome(job_id)
    assert (outcome["state"], outcome["error"]["code"]) == ("partial", "FileUploadAccessDenied")
    assert [one["taskId"] for one in outcome["failedTasks"]] == ["files", "batchmgr-finalize"]


@pytest.mark.without_keys
async def test_the_role_of_a_deployment_without_pools_of_jobs_is_enough_for_all_others(
    client: Client, roles: Roles, job_id: str
) -> None:
    before = await roles.now()
    await roles.remove(BATCH)
    await roles.assign([*await roles.now(), {"role": "Azure Batch Job Submitter"}])
    await client.submit(job(job_id, task("fails", "echo no >&2; exit 3"), task("good")))
    outcome = await client.outcome(job_id)
    assert outcome["state"] == "partial"
    assert "exit code 3: no" in outcome["error"]["message"]
    await client.submit(job(f"{job_id}-pool", autoPool=AUTO_POOL | {"targetDedicatedNodes": 1}))
    assert f"the role {BATCH} on the Batch account" in (await waits(client, f"{job_id}-pool"))["reason"]
    await roles.assign(before)
    assert (await client.outcome(f"{job_id}-pool"))["state"] == "succeeded"


@pytest.mark.without_keys
async def test_a_running_job_goes_on_after_the_role_was_missing(
    client: Client, roles: Roles, job_id: str, tmp_path: Path
) -> None:
    before = await roles.now()
    await client.submit(job(job_id, gated("work", tmp_path / "gate")))
    await client.wait_for_event(job_id, "task.running")
    await roles.remove(BATCH)
    assert BATCH in (await waits(client, job_id))["reason"]
    (tmp_path / "gate").touch()
    await roles.assign(before)
    assert (await client.outcome(job_id))["state"] == "succeeded"
    assert "waitingFor" not in await client.job(job_id)
