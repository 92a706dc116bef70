"""Without access to storage the host ends and starts again, as in Azure. Jobs go on when it has access."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from batchmgr.devstack.stack import Stack, running_stack
from tests.identity.roles import Roles
from tests.identity.test_missing_access import BATCH, BLOBS, waits
from tests.integration.client import Answer, Client
from tests.integration.messages import job
from tests.integration.stack_options import stack_options
from tests.integration.wait_until import until

pytestmark = pytest.mark.without_keys

QUEUES = "Storage Queue Data Contributor"
STORAGE_TOKENS, BATCH_TOKENS = "https://storage.azure.com", "https://batch.core.windows.net"


@pytest.fixture
async def stack(azurite: None) -> AsyncIterator[Stack]:
    """A stack for one test, whose host is started again when it ends, as Azure does."""
    async with running_stack(stack_options(identity="signatures", patient=True)) as running:
        supervision = asyncio.create_task(running.supervise())
        yield running
        supervision.cancel()
        await asyncio.gather(supervision, return_exceptions=True)


async def answer_to(client: Client, path: str, status: int) -> Answer:
    """Wait until a GET has this status. Between two hosts there is no answer at all."""

    async def answered() -> Answer | None:
        try:
            answer = await client.get(path)
        except OSError:
            return None
        return answer if answer.status == status else None

    return await until(answered)


@pytest.mark.parametrize("role", [BLOBS, QUEUES])
async def test_the_answer_names_the_missing_role_on_storage_and_jobs_run_once_it_is_there(
    client: Client, roles: Roles, role: str
) -> None:
    before = await roles.now()
    await client.submit(job("earlier"))
    assert (await client.outcome("earlier"))["state"] == "succeeded"
    await roles.remove(role)
    # What needs the role is refused at once, or by the next host, which can't open its queues any more.
    answer = await answer_to(client, "/jobs/earlier", 503)
    assert role in answer.body["detail"]
    await roles.assign(before)
    await answer_to(client, "/jobs/earlier", 200)
    await client.submit(job("later"))
    assert (await client.outcome("later"))["state"] == "succeeded"


async def test_tokens_that_run_out_are_renewed_and_a_job_waits_while_there_are_none(
    stack: Stack, client: Client, roles: Roles
) -> None:
    await roles.shorten_tokens(4)
    await roles.withhold_tokens(BATCH_TOKENS)
    await stack.host.kill()  # its tokens would last for a day
    await stack.start_host()
    await client.submit(job("j"))
    why = await waits(client, "j")
    assert why["code"] == "NoToken"
    assert f"the role {BATCH} on the Batch account" in why["reason"]
    await roles.withhold_tokens()
    assert (await client.outcome("j"))["state"] == "succeeded"
    await roles.withhold_tokens(BATCH_TOKENS, STORAGE_TOKENS)
    answer = await answer_to(client, "/jobs/j", 503)
    assert "there is no token for the app's identity" in answer.body["detail"]
    await roles.withhold_tokens()
    await answer_to(client, "/jobs/j", 200)
