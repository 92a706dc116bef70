"""A host that can't reach its queues ends, as the real one does. Started again with access, it goes on."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from batchmgr.devstack.stack import Stack, running_stack
from tests.identity.roles import Roles
from tests.identity.test_missing_access import BATCH, BLOBS, waits
from tests.integration.client import Client
from tests.integration.messages import gated, job
from tests.integration.stack_options import stack_options
from tests.integration.wait_until import until

pytestmark = pytest.mark.without_keys

QUEUES = "Storage Queue Data Contributor"
STORAGE_TOKENS, BATCH_TOKENS = "https://storage.azure.com", "https://batch.core.windows.net"


@pytest.fixture
async def stack(azurite: None) -> AsyncIterator[Stack]:
    """A stack for one test, whose host may end."""
    async with running_stack(stack_options(identity="signatures", patient=True)) as running:
        yield running


async def wait_for_end_of_host(stack: Stack) -> None:
    async def ended() -> bool:
        return stack.host.has_died

    await until(ended, seconds=60)
    await stack.host.kill()  # the rest of its process group


async def test_without_the_role_on_blobs_the_answer_names_it(client: Client, roles: Roles) -> None:
    before = await roles.now()
    await client.submit(job("earlier"))
    assert (await client.outcome("earlier"))["state"] == "succeeded"
    await roles.confine_to_host(BLOBS)
    answer = await client.get("/jobs/earlier")
    assert answer.status == 503
    assert f"the role {BLOBS} on the storage account" in answer.body["detail"]
    await roles.assign(before)
    await client.submit(job("later"))
    assert (await client.outcome("later"))["state"] == "succeeded"


async def test_a_host_without_the_role_on_queues_ends_and_goes_on_once_it_has_the_role(
    stack: Stack, client: Client, roles: Roles
) -> None:
    await client.submit(job("earlier"))
    assert (await client.outcome("earlier"))["state"] == "succeeded"
    before = await roles.now()
    await roles.remove(QUEUES)
    await wait_for_end_of_host(stack)
    assert "AuthorizationPermissionMismatch" in stack.host.log_tail(400)
    await roles.assign(before)
    await stack.start_host()
    await client.submit(job("later"))
    assert (await client.outcome("later"))["state"] == "succeeded"


async def test_a_job_goes_on_while_its_tokens_run_out_and_none_can_be_had(
    stack: Stack, client: Client, roles: Roles, tmp_path: Path
) -> None:
    lifetime = 15  # long enough for a request on a machine that is busy with other tests
    await roles.shorten_tokens(lifetime)
    await stack.host.kill()  # its tokens would last for a day
    await stack.start_host()
    await client.submit(job("j", gated("work", tmp_path / "gate")))
    await client.wait_for_event("j", "task.running")
    begun = time.monotonic()
    before = [await roles.issued_tokens(one) for one in (STORAGE_TOKENS, BATCH_TOKENS)]

    async def both_have_run_out() -> bool:
        now = [await roles.issued_tokens(one) for one in (STORAGE_TOKENS, BATCH_TOKENS)]
        is_late = time.monotonic() - begun > lifetime
        return is_late and all(later > earlier for earlier, later in zip(before, now, strict=True))

    await until(both_have_run_out)
    assert (await client.job("j"))["state"] == "running"
    await roles.withhold_tokens(BATCH_TOKENS)
    why = await waits(client, "j")
    assert why["code"] == "NoToken", why
    (tmp_path / "gate").touch()
    await roles.withhold_tokens()
    assert (await client.outcome("j"))["state"] == "succeeded"
    assert "waitingFor" not in await client.job("j")


async def test_tokens_that_run_out_are_renewed_and_a_job_waits_while_there_are_none(
    stack: Stack, client: Client, roles: Roles
) -> None:
    await roles.shorten_tokens(10)
    await roles.withhold_tokens(BATCH_TOKENS)
    await stack.host.kill()  # its tokens would last for a day
    await stack.start_host()
    await client.submit(job("j"))
    why = await waits(client, "j")
    assert why["code"] == "NoToken"
    assert f"the role {BATCH} on the Batch account" in why["reason"]
    await roles.withhold_tokens()
    assert (await client.outcome("j"))["state"] == "succeeded"
    await roles.withhold_tokens(STORAGE_TOKENS)
    await wait_for_end_of_host(stack)
    await roles.withhold_tokens()
    await stack.start_host()
    assert (await client.outcome("j"))["state"] == "succeeded"
