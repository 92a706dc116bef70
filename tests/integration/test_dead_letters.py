"""What an operator does about a receiver that was down for too long: lists dead letters, and redrives."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from batchmgr.devstack.stack import running_stack
from tests.integration.client import Client, connected
from tests.integration.messages import job
from tests.integration.receiver import receiving
from tests.integration.stack_options import stack_options
from tests.integration.wait_until import until


@pytest_asyncio.fixture
async def client(azurite: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    """A stack that gives up after two attempts: after five seconds, instead of sixteen hours."""
    monkeypatch.setenv("BATCHMGR_CALLBACK_ATTEMPTS", "2")
    async with running_stack(stack_options()) as stack, connected(stack.endpoints) as connection:
        yield connection


async def command(client: Client, *arguments: str) -> tuple[int, str]:
    """Run a command of batchmgr against the stack. Return its exit code, and what it has printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "batchmgr.cli", *arguments, "--url", client.address),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    return process.returncode or 0, printed.decode()


async def curl(client: Client, path: str, *options: str) -> Any:
    """Call the API with curl. Return the JSON that it answers."""
    process = await asyncio.create_subprocess_exec(
        "curl", "-s", *options, f"{client.address}/api{path}", stdout=asyncio.subprocess.PIPE
    )
    answer, _ = await process.communicate()
    return json.loads(answer)


async def test_a_callback_that_was_given_up_is_listed_and_redriven(client: Client, job_id: str) -> None:
    async with receiving(statuses=[500, 500]) as receiver:
        await client.submit(job(job_id, callBackUri=receiver.uri))
        early = await curl(client, f"/jobs/{job_id}/redrive", "-X", "POST")
        assert (early["status"], early["title"]) == (409, "Not possible with this job")
        await client.send(b"not a job")
        await client.outcome(job_id)

        async def given_up() -> bool:
            return len((await curl(client, "/dead-letters"))["deadLetters"]) == 2

        await until(given_up)
        letters = {one["kind"]: one for one in (await curl(client, "/dead-letters"))["deadLetters"]}
        assert letters["callback"]["jobId"] == job_id
        assert letters["callback"]["receiver"] == receiver.uri.removeprefix("http://").partition("/")[0]
        assert "500" in letters["callback"]["reason"]
        assert letters["message"]["queue"] == "batchmgr-job-requests-poison"
        assert "JSON" in letters["message"]["reason"]
        code, listed = await command(client, "dead-letters")
        assert code == 0
        assert f"the callback of job {job_id} to 127.0.0.1" in listed
        assert receiver.secret not in json.dumps(letters) + listed

        code, said = await command(client, "redrive", job_id)
        assert (code, said.startswith(f"What was given up of job {job_id} is sent again.")) == (0, True)
        settled = await client.wait_until_delivered(job_id)
        assert (settled["callback"]["state"], settled["callback"]["attempts"]) == ("delivered", 1)
        assert {call.headers["webhook-id"] for call in receiver.calls} == {f"msg_{job_id}"}
        assert len(receiver.calls) == 3

        async def gone() -> bool:
            found = (await curl(client, "/dead-letters"))["deadLetters"]
            return [one["kind"] for one in found] == ["message"]

        await until(gone)
        code, said = await command(client, "redrive", job_id)
        assert code == 1
        assert "has delivered its callback: there is nothing to send again. (status 409)" in said
        code, said = await command(client, "redrive", "no-such-job")
        assert (code, "There is no job 'no-such-job'." in said) == (102, True)
