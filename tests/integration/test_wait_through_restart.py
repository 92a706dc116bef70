"""Whoever waits for a job waits through a restart of the host, and hears of the end."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from batchmgr.devstack.stack import Stack, running_stack
from tests.integration.client import Client
from tests.integration.messages import gated, job
from tests.integration.stack_options import stack_options
from tests.integration.test_command_line import CommandLine


@pytest.fixture
async def stack(azurite: None) -> AsyncIterator[Stack]:
    """A stack for this test only, so that it can kill the host."""
    async with running_stack(stack_options()) as running:
        yield running


async def test_a_command_waits_through_a_restart_of_the_host(
    stack: Stack, client: Client, tmp_path: Path
) -> None:
    command = CommandLine(stack, tmp_path)
    await client.submit(job("restart", gated("work", tmp_path / "gate")))
    waiting = [await command.start(*words) for words in (["wait", "restart"], ["events", "restart", "-f"])]
    await client.wait_for_event("restart", "task.running")
    await stack.host.kill()
    for process in waiting:
        assert process.stderr is not None
        assert b"can't be reached" in await process.stderr.readline()
    (tmp_path / "gate").touch()
    await stack.start_host()
    (waited, _), (events, _) = [await process.communicate() for process in waiting]
    assert [process.returncode for process in waiting] == [0, 0]
    assert waited.startswith(b"restart  succeeded")
    assert events.splitlines()[-1].endswith(b"job.succeeded    2 of 2 tasks")
