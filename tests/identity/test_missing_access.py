"""Missing roles and tokens hold jobs up, and are named. Once they are there, the jobs go on."""

from pathlib import Path

from tests.identity.roles import Roles
from tests.integration.client import Client
from tests.integration.messages import Json, gated, job
from tests.integration.wait_until import until

BATCH, BLOBS = "Azure Batch Data Contributor", "Storage Blob Data Owner"
OWN = ("batchmgr-*", "azure-webjobs-*", "job-*", "inputs")


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
    assert "job.waiting" in await client.types(job_id)
    await roles.assign(before)
    assert (await client.outcome(job_id))["state"] == "succeeded"


async def test_a_job_waits_if_the_role_on_blobs_is_not_on_the_account(
    client: Client, roles: Roles, job_id: str
) -> None:
    """A user delegation key, with which nodes get signatures, needs the role on the account."""
    before = await roles.now()
    await roles.confine(BLOBS, *OWN)
    await client.submit(job(job_id))
    why = await waits(client, job_id)
    assert why["code"] == "AuthorizationPermissionMismatch"
    assert f"the role {BLOBS} on the storage account" in why["reason"]
    await roles.assign(before)
    assert (await client.outcome(job_id))["state"] == "succeeded"


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
