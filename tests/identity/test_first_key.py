"""An app that has no key for signatures yet. Its stack is its own: a key that was given is good for hours."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from batchmgr.devstack.stack import Stack, running_stack
from tests.identity.roles import Roles
from tests.identity.test_missing_access import BLOBS, waits
from tests.integration.client import Client
from tests.integration.messages import job, output, task
from tests.integration.stack_options import stack_options

OWN = ("batchmgr-*", "azure-webjobs-*", "job-*", "inputs")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack(azurite: None) -> AsyncIterator[Stack]:
    async with running_stack(stack_options(identity="signatures", patient=True)) as running:
        yield running


@pytest.mark.without_keys
async def test_a_job_waits_if_the_role_on_blobs_is_not_on_the_account(
    client: Client, roles: Roles, job_id: str
) -> None:
    """The key for signatures needs the role on the account, as does the container of a job."""
    before = await roles.now()
    await roles.confine(BLOBS, *OWN)
    await client.submit(job(job_id, task("t", "echo a > a.txt", outputFiles=[output("a.txt")])))
    why = await waits(client, job_id)
    assert why["code"] == "AuthorizationPermissionMismatch"
    assert f"the role {BLOBS} on the storage account" in why["reason"]
    await roles.assign(before)
    assert (await client.outcome(job_id))["state"] == "succeeded"
