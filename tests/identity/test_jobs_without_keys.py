"""Jobs run without a key anywhere: a few of the integration tests, and what nodes do with an identity.

Missing roles hold jobs up, and are named. Once they are there, the jobs go on.
"""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from azure.batch.aio import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import generate_account_sas
from azure.storage.blob.aio import BlobServiceClient

from batchmgr.devstack.azurite import ACCOUNT, KEY
from batchmgr.devstack.stack import Stack, running_stack
from fakebatch.wire.shared_key import ACCOUNT_KEY, ACCOUNT_NAME
from tests.identity.roles import BATCH, BLOBS, Roles, waits
from tests.integration.client import Client
from tests.integration.messages import gated, job, output, task
from tests.integration.stack_options import stack_options
from tests.integration.test_tasks import (
    test_a_failed_task_is_reported_with_its_exit_code_and_the_end_of_its_stderr as test_a_failed_task,
)
from tests.integration.test_tasks import (
    test_files_go_from_task_to_task_through_the_containers as test_files_of_tasks,
)

__all__ = ["test_a_failed_task", "test_files_of_tasks"]

OWN = ("batchmgr-*", "azure-webjobs-*", "job-*", "inputs")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(azurite: None) -> AsyncIterator[Stack]:
    """A stack in which nodes get signatures, unless STACK_IDENTITY says otherwise."""
    options = stack_options(patient=True)
    options = options if options.identity else stack_options(patient=True, identity="signatures")
    async with running_stack(options) as running:
        yield running


async def test_nodes_read_and_write_with_their_own_identity(
    stack: Stack, client: Client, job_id: str
) -> None:
    assert stack.endpoints.identity is not None
    own = {"identityReference": stack.endpoints.identity.node_resource_id}
    await client.upload(f"{job_id}/word.txt", b"alpha\n")
    words = {"containerName": "inputs", "sourceBlobPath": f"{job_id}/word.txt", "targetFilePath": "word.txt"}
    copying = task(
        "copy",
        "cat word.txt > copy.txt",
        inputFiles=[words | own],
        outputFiles=[output("copy.txt") | own],
    )
    await client.submit(job(job_id, copying))
    assert (await client.outcome(job_id))["state"] == "succeeded"
    assert await client.read(job_id, "copy.txt") == b"alpha\n"


async def test_nodes_cannot_read_the_records_of_jobs(stack: Stack, client: Client, job_id: str) -> None:
    identity = stack.endpoints.identity
    assert identity is not None
    await client.upload(f"{job_id}/word.txt", b"alpha\n")
    asked = {"resource": "https://storage.azure.com/", "msi_res_id": identity.node_resource_id}
    metadata = f"{identity.url}/metadata/identity/oauth2/token"
    async with client.http.get(metadata, params=asked, headers={"Metadata": "true"}) as answer:
        token = (await answer.json())["access_token"]
    headers = {"Authorization": f"Bearer {token}", "x-ms-version": "2021-12-02"}
    trust = ssl.create_default_context(cafile=identity.trusted)
    statuses = {}
    for container in ("inputs", "batchmgr-jobs", "batchmgr-events", "batchmgr-requests"):
        url = f"{stack.endpoints.blob}/{container}?restype=container&comp=list"
        async with client.http.get(url, headers=headers, ssl=trust) as answer:
            statuses[container] = answer.status
    assert statuses == {
        "inputs": 200,
        "batchmgr-jobs": 403,
        "batchmgr-events": 403,
        "batchmgr-requests": 403,
    }


async def test_keys_and_what_they_sign_are_refused(stack: Stack) -> None:
    assert stack.endpoints.identity is not None
    url, trusted = stack.endpoints.blob, stack.endpoints.identity.trusted
    signature = generate_account_sas(
        ACCOUNT, KEY, resource_types="sco", permission="rl", expiry="2099-01-01T00:00Z"
    )
    for credential in ({"account_name": ACCOUNT, "account_key": KEY}, signature):
        async with BlobServiceClient(url, credential, connection_verify=trusted) as blobs:
            with pytest.raises(HttpResponseError) as refused:
                await blobs.get_container_client("batchmgr-jobs").exists()
            assert refused.value.status_code == 403
    key = AzureNamedKeyCredential(ACCOUNT_NAME, ACCOUNT_KEY)
    async with BatchClient(stack.endpoints.batch, key, connection_verify=trusted) as batch:
        with pytest.raises(HttpResponseError) as refused:
            await batch.get_job("any")
        assert refused.value.status_code == 403


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
