"""Webhooks over HTTP: what a receiver gets, and what becomes of one that fails or hangs."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import pytest_asyncio

from batchmgr.devstack.stack import running_stack
from tests.integration.client import Client, connected
from tests.integration.messages import Json, job, task
from tests.integration.receiver import Call, Receiver, receiving
from tests.integration.stack_options import stack_options
from tests.integration.test_dead_letters import command
from tests.integration.test_hanging_receivers import hanging_receivers
from tests.integration.wait_until import until

KEY = base64.b64encode(b"a key of this test, of 32 bytes.").decode()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def address(azurite: None) -> AsyncIterator[Any]:
    """A stack that signs, and gives up after two attempts: after five seconds, instead of sixteen hours."""
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


async def test_a_receiver_that_fails_once_gets_the_same_batch_again_and_then_the_rest(
    client: Client, job_id: str
) -> None:
    async with receiving(statuses=[503]) as receiver:
        await client.submit({**job(job_id), "webhooks": [hook(receiver, "*")]})
        [found] = await settled(client, job_id)
        log = await client.events(job_id)
    assert found["state"] == "delivered"
    assert found["delivered"] == len(log)
    assert (found["receiver"], found["events"]) == (receiver.uri.split("/")[2], ["*"])
    first, second, *_ = receiver.calls
    assert first.content == second.content
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert events_of(receiver.calls[1:]) == log


async def test_a_webhook_that_was_given_up_is_listed_shown_and_redriven(client: Client, job_id: str) -> None:
    async with receiving(statuses=[500, 500]) as receiver:
        await client.submit({**job(job_id), "webhooks": [hook(receiver)]})
        [dead] = await settled(client, job_id)
        assert (dead["state"], dead["attempts"], dead["delivered"]) == ("dead", 2, 0)
        assert (await client.job(job_id))["state"] == "succeeded"

        async def letter() -> Json | None:
            letters = (await client.get("/dead-letters")).body["deadLetters"]
            return next((one for one in letters if one.get("jobId") == job_id), None)

        listed = await until(letter)
        assert (listed["kind"], "500" in listed["reason"]) == ("webhook", True)
        code, said = await command(client, "dead-letters")
        assert (code, f"the webhook of job {job_id} to 127.0.0.1" in said) == (0, True)
        code, said = await command(client, "status", job_id)
        assert f"webhook   {dead['receiver']} dead: " in said
        assert receiver.secret not in f"{dead}{listed}{said}"

        code, said = await command(client, "redrive", job_id)
        assert (code, said.startswith(f"What was given up of job {job_id} is sent again.")) == (0, True)
        [found] = await settled(client, job_id)
        assert found["state"] == "delivered"
        jobs_events = [event for event in await client.events(job_id) if ".job." in event["type"]]
        assert events_of(receiver.calls[2:]) == jobs_events

        async def gone() -> bool:
            return await letter() is None

        await until(gone)
        await deleted(client, job_id)
        left = [blob.name async for blob in client.blobs.get_container_client("batchmgr-jobs").list_blobs()]
        assert [name for name in left if f"{job_id}/" in name or f"{job_id}." in name] == []


async def deleted(client: Client, job_id: str) -> None:
    """Delete a job as soon as that is possible."""

    async def is_deleted() -> bool:
        return (await client.delete(f"/jobs/{job_id}")).status in {204, 404}

    await until(is_deleted)


async def test_jobs_are_not_delayed_by_webhooks_whose_receivers_hang(client: Client, job_id: str) -> None:
    async with hanging_receivers() as hanging, receiving() as receiver:
        for number in range(20):
            webhook = {"uri": hanging.uri(number)}
            await client.submit({**job(f"{job_id}-hangs-{number}"), "webhooks": [webhook]})

        async def all_hang() -> bool:
            return hanging.open >= 20

        await until(all_hang)
        for number in range(3):
            one = f"{job_id}-{number}"
            webhooks = [{"uri": hanging.uri(0)}, hook(receiver)]
            begun = asyncio.get_running_loop().time()
            await client.submit({**job(one), "webhooks": webhooks, "callBackUri": receiver.uri})

            async def is_told(one: str = one) -> bool:
                names = [call.headers["webhook-id"] for call in receiver.calls]
                return f"msg_{one}" in names and "job.succeeded" in types_of(
                    [call for call in receiver.calls if call.headers["webhook-id"].startswith(f"msg_{one}:")]
                )

            await until(is_told)
            assert asyncio.get_running_loop().time() - begun < 10  # less than one attempt that hangs
        hanging.release.set()


async def test_a_message_with_a_webhook_that_may_not_be_called_names_its_field(client: Client) -> None:
    hooks = [{"uri": "https://example.org/secret-path"}, {"uri": "http://127.0.0.1:1/", "events": ["job"]}]
    answer = await client.post("/jobs", {**job("never"), "webhooks": hooks})
    assert answer.status == 400
    assert {"webhooks[0].uri", "webhooks[1].events[0]"} <= {one["field"] for one in answer.body["errors"]}
    assert "secret-path" not in answer.text
