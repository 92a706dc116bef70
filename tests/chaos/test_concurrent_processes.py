"""Several processes that work on one job at the same time publish each event once and send one callback."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchmgr.adapters.callback_workers import CallbackWorkers
from batchmgr.functions.queue_job_requests import take_request
from batchmgr.model.job_states import JobState
from batchmgr.ports import Ports
from batchmgr.steps.next_look import SUBMISSION_TIMEOUT
from batchmgr.usecases.cancel import cancel
from batchmgr.usecases.finalize import finalize
from batchmgr.usecases.poll import poll
from batchmgr.wire.json_codec import encode
from tests.chaos.interception import intercepted
from tests.number_of_examples import examples
from tests.webhooks import assert_told, with_webhooks
from tests.world import World, job_message, task

pytestmark = pytest.mark.usefixtures("job_size")

DELAYS = st.lists(st.integers(0, 7), min_size=20, max_size=200)


def delayed(world: World, delays: list[int]) -> Ports:
    """Return ports whose calls take a random number of turns of the event loop, before and after."""
    turns = iter(delays)

    async def wait() -> None:
        for _ in range(next(turns, 0)):
            await asyncio.sleep(0)

    async def around(name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        await wait()
        result = await call()
        await wait()
        return result

    return intercepted(world.ports, around)


def assert_published_once(world: World) -> None:
    log = world.log()
    ids = [event.id for event in log]
    assert len(ids) == len(set(ids)), ids
    assert [int(event.sequence) for event in log] == list(range(1, len(log) + 1))
    assert {event.id for event in world.sink.sent} == set(ids)
    assert len(world.callbacks.received) == 1
    assert world.batch.created in ([], ["job-1"])
    assert world.jobs.active == set()


@given(DELAYS)
@examples(200)
async def test_pollers_and_finalizers_at_the_end_of_a_job(delays: list[int]) -> None:
    world = World()
    world.enqueue(with_webhooks(job_message(task("a", "/bin/false"), task("b"), task("c"))))
    world.batch.run = list  # type: ignore[method-assign]
    await world.tick()
    del world.batch.run
    world.batch.run()
    ports = delayed(world, delays)
    begun = world.clock.now()
    async with CallbackWorkers() as some, CallbackWorkers() as others:
        hosts = [replace(ports, deliveries=workers) for workers in (some, others)]
        await asyncio.gather(*(work for host in hosts for work in (poll(host), finalize(host, "job-1"))))
        await world.run_until_idle()
    assert world.clock.now() - begun < SUBMISSION_TIMEOUT
    assert world.record().state is JobState.PARTIAL
    assert [e.type for e in world.log()].count("batchmgr.task.failed") == 1
    assert_published_once(world)
    assert_told(world)


@given(DELAYS)
@examples(200)
async def test_several_hosts_that_receive_the_same_message(delays: list[int]) -> None:
    world = World()
    ports = delayed(world, delays)
    body = encode(job_message())
    begun = world.clock.now()
    await asyncio.gather(*(take_request(ports, body, "") for _ in range(3)), poll(ports))
    await world.run_until_idle()
    assert world.record().state is JobState.SUCCEEDED
    assert (
        world.clock.now() - begun < SUBMISSION_TIMEOUT
    )  # nobody has died, so nobody waits for a claim to lapse
    assert_published_once(world)


@given(DELAYS)
@examples(200)
async def test_a_cancellation_while_the_job_is_submitted_leaves_nothing_running(delays: list[int]) -> None:
    world = World()
    world.batch.run = list  # type: ignore[method-assign]
    ports = delayed(world, delays)
    body = encode(job_message())

    async def cancel_soon() -> None:
        while "job-1" not in world.jobs.records:  # noqa: ASYNC110  # the turns of the loop are random here
            await asyncio.sleep(0)
        await cancel(ports, "job-1")
        await finalize(ports, "job-1")

    await asyncio.gather(take_request(ports, body, ""), cancel_soon(), poll(ports))
    await world.run_until_idle()
    assert world.record().state is JobState.CANCELLED
    assert all(job.state == "completed" for job in world.batch.jobs.values())
    assert_published_once(world)
