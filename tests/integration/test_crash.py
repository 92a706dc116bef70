"""The Functions host is killed and started again: no job is lost, and none sends two callbacks."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from batchmgr.devstack.stack import Stack, running_stack
from tests.integration.client import Client
from tests.integration.messages import gated, job, task
from tests.integration.receiver import receiving
from tests.integration.stack_options import stack_options
from tests.integration.wait_until import until


@pytest.fixture
async def stack(azurite: None) -> AsyncIterator[Stack]:
    """A stack for this test only, so that it can kill the host."""
    async with running_stack(stack_options()) as running:
        yield running


async def assert_published_once(client: Client, job_id: str) -> None:
    events = await client.events(job_id)
    assert [event_id for event_id, times in Counter(e["id"] for e in events).items() if times > 1] == []
    assert [int(event["sequence"]) for event in events] == list(range(1, len(events) + 1))


async def test_a_job_that_ended_while_the_host_was_down_is_finalized_after_its_restart(
    stack: Stack, client: Client, tmp_path: Path
) -> None:
    async with receiving() as receiver:
        await client.submit(job("running", gated("work", tmp_path / "gate"), callBackUri=receiver.uri))
        await client.wait_for_event("running", "task.running")
        await stack.host.kill()
        (tmp_path / "gate").touch()

        async def over() -> bool:
            return await client.batch_state("running") == "completed"

        await until(over)
        await stack.start_host()
        call = await receiver.call()
        assert call.body["Output"]["state"] == "succeeded"
        settled = await client.wait_until_delivered("running")
        assert settled["callback"] == {"state": "delivered", "attempts": 1}
        assert len(receiver.calls) == 1
        await assert_published_once(client, "running")


@pytest.mark.real_limits
async def test_no_job_is_lost_wherever_it_is_when_the_host_is_killed(
    stack: Stack, client: Client, tmp_path: Path
) -> None:
    async with AsyncExitStack() as resources:
        names = ("accepted-1", "accepted-2", "accepted-3", "queued", "running", "ended", "sent-while-dead")
        receivers = {name: await resources.enter_async_context(receiving()) for name in names}
        receivers["ended"] = await resources.enter_async_context(receiving(statuses=[500]))
        # No job but the ended one may end before the kill: its callback could be under way then.
        work = {name: gated("work", tmp_path / "gate") for name in names} | {"ended": task("work")}
        messages = {name: job(name, work[name], callBackUri=receivers[name].uri) for name in names}
        await client.submit(messages["ended"])
        await receivers["ended"].called(1)
        await client.send(messages["running"])
        await client.wait_for_event("running", "job.running")
        await client.send(messages["queued"])
        # A message that was received but not accepted yet becomes visible again after ten minutes, as on
        # every Functions host. That is too long for a test.
        await client.wait_for_event("queued", "job.queued")
        for name in names[:3]:
            await client.submit(messages[name])
        await stack.host.kill()
        (tmp_path / "gate").touch()
        await client.send(messages["sent-while-dead"])
        await stack.start_host()
        for name in names:
            settled = await client.wait_until_delivered(name)
            attempts = 2 if name == "ended" else 1
            assert (name, settled["state"]) == (name, "succeeded")
            assert (name, settled["callback"]["attempts"]) == (name, attempts)
            assert (name, len(receivers[name].calls)) == (name, attempts)
            await assert_published_once(client, name)
            assert await client.batch_state(name) == "completed"
        assert sorted(await client.batch_job_ids(names)) == sorted(names)
