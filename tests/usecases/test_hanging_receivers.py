"""A receiver that hangs holds up its own callbacks only. On a virtual clock, hanging takes no time."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import pytest

from batchmgr.adapters.callback_workers import MOST_AT_ONCE, MOST_PER_RECEIVER, CallbackWorkers
from batchmgr.errors import ServiceBusyError
from batchmgr.functions.queue_callbacks import retry_callback
from batchmgr.functions.queue_job_requests import take_request
from batchmgr.model.job_record_parts import CallbackState
from batchmgr.model.job_states import JobState
from batchmgr.ports import Ports
from batchmgr.steps.attempt_times import FIRST_LEASE, FIRST_LIMIT, LIMIT
from batchmgr.usecases.accept import accept
from batchmgr.usecases.admit import admit
from batchmgr.usecases.finalize import finalize
from batchmgr.usecases.poll import poll
from batchmgr.usecases.submit import submit
from batchmgr.wire.adf_callback import AdfCallback
from batchmgr.wire.json_codec import encode
from batchmgr.wire.queue_message import JobReference
from tests.fakes import FakeCallbackSender
from tests.world import World, job_message, task

GOOD = "https://good/callback?secret=1"


class Receivers(FakeCallbackSender):
    """Receivers that hang until the time limit, unless they are called `good`."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self.hang = True
        self.good_at: list[datetime] = []
        self.limits: list[timedelta] = []
        self.open: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        """How many calls of each host were open at once, at most; and of all of them, under an empty name."""

    def check(self, uri: str) -> None:
        pass

    async def send(
        self, uri: str, body: AdfCallback, webhook_id: str, limit: timedelta, traceparent: str = ""
    ) -> None:
        host = urlsplit(uri).hostname or ""
        self.limits.append(limit)
        self.open.update((host, ""))
        self.most |= self.open
        try:
            if self.hang and host != "good":
                await self._world.clock.sleep(limit)
                raise ServiceBusyError("the receiver did not answer", code="Timeout")
        finally:
            self.open.subtract((host, ""))
        self.good_at.append(self._world.clock.now())
        self.received.append((uri, body, webhook_id))


def hanging_world() -> tuple[World, Receivers]:
    world = World()
    receivers = Receivers(world)
    world.ports = replace(world.ports, callbacks=receivers)
    return world, receivers


def with_workers(world: World, workers: CallbackWorkers) -> Ports:
    return replace(world.ports, deliveries=workers)


def enqueue(world: World, number: int, uri: Callable[[int], str]) -> None:
    for each in range(number):
        world.enqueue(job_message(job_id=f"hangs-{each}", callback=uri(each)), f"h-{each}")


@pytest.mark.parametrize(
    "uri",
    [lambda each: f"https://host-{each}/", lambda each: f"https://host/{each}"],
    ids=["of 80 hosts", "of one host"],
)
async def test_a_callback_arrives_at_once_although_80_receivers_hang(uri: Callable[[int], str]) -> None:
    world, receivers = hanging_world()
    async with CallbackWorkers() as workers:
        ports = with_workers(world, workers)
        enqueue(world, 80, uri)
        await world.tick(ports)
        for _ in range(30):  # at each stage of their attempts
            await world.tick(ports)
            job_id = f"good-{world.clock.now():%M%S}"
            world.enqueue(job_message(job_id=job_id, callback=GOOD), job_id)
            await world.tick(ports)
            ended = world.record(job_id).entered[JobState.SUCCEEDED]
            assert receivers.good_at.pop() - ended < timedelta(seconds=1)


async def test_a_callback_waits_for_one_attempt_of_others_if_more_hang_than_there_are_workers() -> None:
    world, receivers = hanging_world()
    async with CallbackWorkers() as workers:
        ports = with_workers(world, workers)
        enqueue(world, 3 * MOST_AT_ONCE, lambda each: f"https://host-{each % 150}/")
        world.enqueue(job_message(job_id="good", callback=GOOD), "good")
        while not receivers.good_at:
            await world.tick(ports)
        ended = world.record("good").entered[JobState.SUCCEEDED]
        assert receivers.good_at[0] - ended < FIRST_LIMIT + timedelta(seconds=2)
    assert receivers.most[""] == MOST_AT_ONCE


async def test_a_receiver_is_called_by_a_few_workers_at_once() -> None:
    world, receivers = hanging_world()
    async with CallbackWorkers() as workers:
        ports = with_workers(world, workers)
        enqueue(world, 40, lambda each: f"https://host/{each}")
        for _ in range(20):
            await world.tick(ports)
    assert receivers.most["host"] == MOST_PER_RECEIVER


async def test_the_first_attempt_is_short_and_the_later_ones_are_longer() -> None:
    world, receivers = hanging_world()
    async with CallbackWorkers() as workers:
        ports = with_workers(world, workers)
        enqueue(world, 1, lambda each: "https://host/")
        for _ in range(120):
            await world.tick(ports)
    assert receivers.limits == [FIRST_LIMIT, LIMIT, LIMIT]


async def finalized(world: World) -> Callable[[Ports], Awaitable[object]]:
    await accept(world.ports, "job-1", job_message())
    await submit(world.ports, "job-1")
    world.batch.run()
    return lambda ports: finalize(ports, "job-1")


async def polled(world: World) -> Callable[[Ports], Awaitable[object]]:
    await (await finalized(world))(world.ports)
    world.deliveries.started.clear()  # with their process
    return poll


async def polled_although_the_trigger_is_lost(world: World) -> Callable[[Ports], Awaitable[object]]:
    await finalized(world)
    await poll(world.ports)
    world.clock.advance(timedelta(minutes=1))

    async def polled_and_handled(ports: Ports) -> None:
        await poll(ports)
        await world.handle_messages(ports)

    return polled_and_handled


async def asked_by_a_message(world: World) -> Callable[[Ports], Awaitable[object]]:
    await polled(world)
    return lambda ports: retry_callback(ports, encode(JobReference(stored_job_id="job-1")))


async def rejected_at_its_check(world: World) -> Callable[[Ports], Awaitable[object]]:
    message = job_message(task("a", "/bin/true", "no such task"))
    await accept(world.ports, "job-1", message, is_checked=False)
    return lambda ports: admit(ports, "job-1")


async def rejected_at_its_submission(world: World) -> Callable[[Ports], Awaitable[object]]:
    await accept(world.ports, "job-1", job_message())
    world.batch.pools.clear()
    return lambda ports: submit(ports, "job-1")


async def refused(world: World) -> Callable[[Ports], Awaitable[object]]:
    body = b'{"jobId": "job-1", "callBackUri": "https://allowed/callback?secret=1", "tasks": 5}'
    return lambda ports: take_request(ports, body, "job-1")


@pytest.mark.parametrize(
    "begin",
    [
        finalized,
        polled,
        polled_although_the_trigger_is_lost,
        asked_by_a_message,
        rejected_at_its_check,
        rejected_at_its_submission,
        refused,
    ],
)
async def test_whoever_ends_a_job_does_not_wait_for_its_receiver(
    begin: Callable[[World], Awaitable[Callable[[Ports], Awaitable[object]]]],
) -> None:
    world, receivers = hanging_world()
    call = await begin(world)
    async with CallbackWorkers() as workers:
        begun = world.clock.now()
        await call(with_workers(world, workers))
        assert world.clock.now() - begun < timedelta(seconds=1)
        await asyncio.sleep(1)
        assert receivers.open[""] == 1
        assert world.record().state.is_final
        assert world.record().callback.state is CallbackState.SENDING  # type: ignore[union-attr]


async def test_a_job_without_a_callback_needs_no_worker() -> None:
    world = World()
    await accept(world.ports, "job-1", job_message(callback=""))
    await submit(world.ports, "job-1")
    world.batch.run()
    await finalize(world.ports, "job-1")
    assert world.deliveries.started == {}
    assert world.jobs.active == set()


async def test_a_callback_whose_process_is_killed_is_sent_by_the_next_one_when_its_claim_has_lapsed() -> None:
    world, receivers = hanging_world()
    call = await finalized(world)
    async with CallbackWorkers() as killed:
        await call(with_workers(world, killed))
        await asyncio.sleep(5)
        assert receivers.open[""] == 1
    assert receivers.open[""] == 0
    receivers.hang = False
    async with CallbackWorkers() as next_ones:
        while not receivers.good_at:
            await world.tick(with_workers(world, next_ones))
    ended = world.record().entered[JobState.SUCCEEDED]
    assert receivers.good_at[0] - ended <= FIRST_LEASE + timedelta(seconds=2)
    assert [webhook_id for _, _, webhook_id in receivers.received] == ["msg_job-1"]
    assert world.record().callback.attempts == 2  # type: ignore[union-attr]
