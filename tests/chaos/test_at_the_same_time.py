"""Several processes that work on one job at the same time tell everything once, and call back once."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from batchmgr.functions.submission import take
from batchmgr.model.states import JobState
from batchmgr.ports import Ports
from batchmgr.usecases.cancellation import cancel
from batchmgr.usecases.finalization import finalize
from batchmgr.usecases.polling import poll
from batchmgr.wire.job_message import encode
from tests.world import World, job_message, task

PORTS = ("batch", "jobs", "events", "sink", "queue", "finalize", "storage", "callbacks")
DELAYS = st.lists(st.integers(0, 7), min_size=20, max_size=200)


class _Delayed:
    """A port whose calls take a drawn number of turns of the event loop."""

    def __init__(self, port: Any, turns: Iterator[int]) -> None:
        self._port, self._turns = port, turns

    def __getattr__(self, method: str) -> Any:
        real = getattr(self._port, method)
        if method in {"check", "blob_uri"}:
            return real
        if method in {"list_tasks", "active_ids"}:
            return lambda *args, **kwargs: self._listing(real, *args, **kwargs)
        return lambda *args, **kwargs: self._call(real, *args, **kwargs)

    async def _call(self, real: Any, *args: Any, **kwargs: Any) -> Any:
        await self._wait()
        result = await real(*args, **kwargs)
        await self._wait()
        return result

    async def _listing(self, real: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        await self._wait()
        for item in [item async for item in real(*args, **kwargs)]:
            yield item

    async def _wait(self) -> None:
        for _ in range(next(self._turns, 0)):
            await asyncio.sleep(0)


def delayed(world: World, delays: list[int]) -> Ports:
    turns = iter(delays)
    ports = {name: _Delayed(getattr(world.ports, name), turns) for name in PORTS}
    return replace(world.ports, **ports)  # type: ignore[arg-type]


def assert_told_once(world: World) -> None:
    log = world.log()
    ids = [event.id for event in log]
    assert len(ids) == len(set(ids)), ids
    assert [int(event.sequence) for event in log] == list(range(1, len(log) + 1))
    assert {event.id for event in world.sink.sent} == set(ids)
    assert len(world.callbacks.received) == 1
    assert world.batch.created in ([], ["job-1"])
    assert world.jobs.active == set()


@given(DELAYS)
@settings(max_examples=200)
async def test_pollers_and_finalizers_at_the_end_of_a_job(delays: list[int]) -> None:
    world = World()
    world.enqueue(job_message(task("a", "/bin/false"), task("b"), task("c")))
    world.batch.run = list  # type: ignore[method-assign]
    await world.tick()
    del world.batch.run
    world.batch.run()
    ports = delayed(world, delays)
    work = (poll(ports), finalize(ports, "job-1"), poll(ports), finalize(ports, "job-1"))
    await asyncio.gather(*work)
    await world.until_settled()
    assert world.record().state is JobState.PARTIAL
    assert [e.type for e in world.log()].count("batchmgr.task.failed") == 1
    assert_told_once(world)


@given(DELAYS)
@settings(max_examples=200)
async def test_the_same_message_taken_by_several_hosts(delays: list[int]) -> None:
    world = World()
    ports = delayed(world, delays)
    body = encode(job_message())
    await asyncio.gather(*(take(ports, body, "") for _ in range(3)), poll(ports))
    await world.until_settled()
    assert world.record().state is JobState.SUCCEEDED
    assert_told_once(world)


@given(DELAYS)
@settings(max_examples=200)
async def test_a_cancellation_while_the_job_is_submitted_leaves_nothing_running(delays: list[int]) -> None:
    world = World()
    world.batch.run = list  # type: ignore[method-assign]
    ports = delayed(world, delays)
    body = encode(job_message())

    async def cancel_soon() -> None:
        while "job-1" not in world.jobs.records:  # noqa: ASYNC110  # turns of the loop are what is drawn here
            await asyncio.sleep(0)
        await cancel(ports, "job-1")
        await finalize(ports, "job-1")

    await asyncio.gather(take(ports, body, ""), cancel_soon(), poll(ports))
    await world.until_settled()
    assert world.record().state is JobState.CANCELLED
    assert all(job.state == "completed" for job in world.batch.jobs.values())
    assert_told_once(world)
