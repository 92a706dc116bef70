"""A callback is retried with the same id until it is accepted."""

import asyncio

import pytest

from batchmgr.devstack.stack import Stack
from batchmgr.devstack.tcp_ports import free_port
from tests.integration.client import Client
from tests.integration.messages import job
from tests.integration.receiver import receiving
from tests.integration.wait_until import until


@pytest.mark.thorough
async def test_a_callback_is_retried_until_the_receiver_is_there_and_accepts_it(
    client: Client, stack: Stack, job_id: str
) -> None:
    # At once, because each waits for the pause before the second attempt.
    await asyncio.gather(
        retried_if_not_accepted(client, job_id), retried_if_down(client, stack, f"{job_id}-down")
    )


async def retried_if_not_accepted(client: Client, job_id: str) -> None:
    async with receiving(statuses=[500]) as failing, receiving(statuses=[302]) as redirecting:
        receivers = {"failing": failing, "redirecting": redirecting}
        for name, receiver in receivers.items():
            await client.submit(job(f"{job_id}-{name}", callBackUri=receiver.uri))
        for name, receiver in receivers.items():
            await receiver.called(1)
            assert (await client.outcome(f"{job_id}-{name}"))["state"] == "succeeded"
            await receiver.called(2)
            settled = await client.wait_until_delivered(f"{job_id}-{name}")
            first, second = receiver.calls
            assert settled["callback"] == {"state": "delivered", "attempts": 2}
            assert first.body == second.body
            assert first.headers["webhook-id"] == second.headers["webhook-id"]


async def retried_if_down(client: Client, stack: Stack, job_id: str) -> None:
    port = free_port()
    async with receiving(port=port) as receiver:
        pass
    await client.submit(job(job_id, callBackUri=receiver.uri))

    async def tried() -> bool:
        return "lastError" in (await client.job(job_id)).get("callback", {})

    await until(tried)
    waiting = (await client.job(job_id))["callback"]
    assert (waiting["state"], waiting["attempts"]) == ("pending", 1)
    assert receiver.secret not in waiting["lastError"]
    logs = [file.read_text(errors="replace") for file in stack.log_directory.glob("functions-host.*")]
    assert not [log for log in logs if receiver.secret in log]
    async with receiving(port=port) as risen:
        await risen.called(1)
        settled = await client.wait_until_delivered(job_id)
        assert settled["callback"]["state"] == "delivered"
        assert len(risen.calls) == 1
