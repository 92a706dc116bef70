"""Jobs end in the same way if the host scans for finalize blobs, instead of getting events for them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from batchmgr.devstack.stack import Stack, running_stack
from tests.integration.client import Client
from tests.integration.endless_task import endless, pids_of
from tests.integration.messages import job, task
from tests.integration.receiver import Receiver
from tests.integration.stack_options import stack_options

pytestmark = pytest.mark.clients  # these tests have a stack of their own


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(azurite: None) -> AsyncIterator[Stack]:
    """A stack whose host scans."""
    async with running_stack(stack_options(blob_source="LogsAndContainerScan")) as running:
        yield running


async def test_nothing_raises_events_in_this_stack(stack: Stack) -> None:
    assert "Event Grid" not in stack.log_tails()


async def test_a_job_over_http_succeeds_and_calls_back(
    client: Client, receiver: Receiver, job_id: str
) -> None:
    await client.submit(job(job_id, task("work", "true"), callBackUri=receiver.uri))
    call = await receiver.call()
    assert call.body["Output"]["state"] == "succeeded"
    assert (await client.wait_until_delivered(job_id))["callback"] == {"state": "delivered", "attempts": 1}


async def test_a_job_over_the_queue_fails(client: Client, job_id: str) -> None:
    await client.send(job(job_id, task("work", "exit 3")))
    assert (await client.outcome(job_id))["state"] == "failed"


async def test_a_job_is_cancelled(client: Client, job_id: str, tmp_path: Path) -> None:
    await client.submit(job(job_id, endless(tmp_path)))
    await pids_of(tmp_path)
    assert (await client.post(f"/jobs/{job_id}/cancel")).status == 202
    assert (await client.outcome(job_id))["state"] == "cancelled"
