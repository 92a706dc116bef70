"""Webhooks over HTTP: what a receiver gets, and what becomes of one that fails or hangs."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest_asyncio

from batchmgr.devstack.stack import running_stack
from tests.integration.client import Client, connected
from tests.integration.messages import Json, job, task
from tests.integration.receiver import Call, Receiver, receiving
from tests.integration.stack_options import stack_options
from tests.integration.wait_until import until

KEY = base64.b64encode(b"a key of this test, of 32 bytes.").decode()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def address(azurite: None) -> AsyncIterator[Any]:
    """A stack that signs, and gives up after two attempts: after five seconds, instead of sixteen hours."""
    import pytest

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("BATCHMGR_CALLBACK_ATTEMPTS", "2")
        environment.setenv("BATCHMGR_CALLBACK_KEY", KEY)
        async with running_stack(stack_options()) as stack:
            yield stack.endpoints


@pytest_asyncio.fixture
async def client(address: Any) -> AsyncIterator[Client]:
    async with connected(address) as connection:
        yield connection


def hook(receiver: Receiver, *events: str) -> Json:
    return {"uri": receiver.uri, **({"events": list(events)} if events else {})}


def events_of(calls: Sequence[Call]) -> list[Json]:
    return [event for call in calls for event in call.body]


def types_of(calls: Sequence[Call]) -> list[str]:
    return [event["type"].removeprefix("batchmgr.") for event in events_of(calls)]


async def settled(client: Client, job_id: str) -> list[Json]:
    """Wait for the end of a job, and until its webhooks are settled. Return these."""
    await client.outcome(job_id)

    async def are_settled() -> list[Json] | None:
        hooks = (await client.job(job_id))["webhooks"]
        return hooks if all(one["state"] in {"delivered", "dead"} for one in hooks) else None

    return await until(are_settled)


async def test_a_webhook_gets_its_events_in_order_and_signed(client: Client, job_id: str) -> None:
    async with receiving() as jobs, receiving() as failures:
        message = job(job_id, task("good"), task("bad", "exit 3"))
        await client.submit({**message, "webhooks": [hook(jobs), hook(failures, "task.failed")]})
        await client.outcome(job_id)
        log = await client.events(job_id)

        async def all_there() -> bool:
            return "job.partial" in types_of(jobs.calls) and len(failures.calls) == 1

        await until(all_there)
    assert events_of(jobs.calls) == [event for event in log if ".job." in event["type"]]
    assert types_of(failures.calls) == ["task.failed"]
    for call in jobs.calls:
        assert call.headers["Content-Type"] == "application/cloudevents-batch+json"
        name, time = call.headers["webhook-id"], call.headers["webhook-timestamp"]
        assert name == f"msg_{job_id}:webhook-0:{int(call.body[0]['sequence'])}"
        signed = b".".join((name.encode(), time.encode(), call.content))
        digest = hmac.new(base64.b64decode(KEY), signed, hashlib.sha256).digest()
        assert call.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
