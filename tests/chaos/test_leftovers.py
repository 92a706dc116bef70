"""Whoever dies while a job is accepted or swept, nothing of it stays for ever, and the sweep loses no job."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from batchmgr.errors import ServiceBusyError
from batchmgr.model.job_states import JobState
from batchmgr.ports import Ports
from batchmgr.steps.check_job import check_job
from batchmgr.usecases.accept import accept
from batchmgr.usecases.attach import attach
from batchmgr.usecases.repair_list import repair_list
from batchmgr.usecases.rerun import rerun
from batchmgr.usecases.retain import find_due, retain
from batchmgr.usecases.sweep import sweep
from batchmgr.wire.job_message import JobMessage
from batchmgr.wire.rerun_request import RerunRequest
from tests.chaos.interception import intercepted
from tests.chaos.test_killed_processes import Died, Mortal
from tests.chaos.test_retention import killed
from tests.usecases.sweep_workload import Sweep, sweep_message
from tests.usecases.test_purge import what_is_there
from tests.world import World, job_message

MONTH = timedelta(days=31)
SIDES = pytest.mark.parametrize("after", [False, True], ids=["before", "after"])

Step = Callable[[Ports], Awaitable[Any]]


async def new_world() -> World:
    return Sweep().world()


async def with_an_ended_job() -> World:
    world = Sweep().world()
    world.enqueue(sweep_message())
    await world.run_until_idle()
    return world


async def with_leftovers() -> World:
    """A world in which a process has died after it had stored request and plan of a job, a month ago."""
    world = Sweep().world()

    async def around(name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        if name in {"jobs.activate", "listing.add"}:
            raise Died
        return await call()

    await killed(by_http(sweep_message()), intercepted(world.ports, around))
    assert what_is_there(world) == ["request", "plan"]
    world.clock.advance(MONTH)
    return world


def by_http(message: JobMessage) -> Step:
    async def step(ports: Ports) -> None:
        await accept(ports, "job-1", message, await check_job(ports, "job-1", message))

    return step


ACCEPTANCES: dict[str, tuple[Callable[[], Awaitable[World]], Step]] = {
    "tasks": (new_world, by_http(job_message())),
    "a workload": (new_world, by_http(sweep_message())),
    "unchecked": (new_world, lambda ports: accept(ports, "job-1", sweep_message(), is_checked=False)),
    "another receiver": (
        new_world,
        lambda ports: _twice(ports, job_message(), "https://allowed/other"),
    ),
    "a rerun": (
        with_an_ended_job,
        lambda ports: rerun(ports, "job-1", RerunRequest(tasks="all"), new_id="again"),
    ),
}


async def _twice(ports: Ports, message: JobMessage, uri: str) -> None:
    await by_http(message)(ports)
    await attach(ports, "job-1", uri)


async def calls_of(make: Callable[[], Awaitable[World]], step: Step) -> int:
    life = Mortal(await make(), 10**9, after=False)
    await step(life.ports)
    return life.made


async def after_a_month(world: World) -> None:
    """Nobody sends the job again. The poller goes on for a while, and the retention comes at night."""
    world.triggered.clear()
    await world.run_until_idle()
    world.clock.advance(MONTH)
    await retain(world.ports)
    await repair_list(world.ports)


@SIDES
@pytest.mark.parametrize("kind", ACCEPTANCES)
async def test_an_acceptance_that_is_killed_anywhere_leaves_nothing_for_ever(kind: str, after: bool) -> None:
    make, step = ACCEPTANCES[kind]
    orphans, job_id = 0, "again" if kind == "a rerun" else "job-1"
    for calls in range(1, await calls_of(make, step) + 1):
        world = await make()
        await killed(step, Mortal(world, calls, after=after).ports)
        orphans += "request" in what_is_there(world, job_id) and not world.jobs.active
        await after_a_month(world)
        # A rerun stores how tasks have ended before its request. Containers stay: they may hold results.
        files = {"files"} if kind == "a rerun" else set()
        assert set(what_is_there(world, job_id)) <= files, calls
        assert [item async for item in find_due(world.ports)] == []
    assert orphans, "the test would find nothing"


@SIDES
async def test_a_sweep_that_is_killed_at_any_side_effect_is_finished_by_the_next_run(after: bool) -> None:
    last = await calls_of(with_leftovers, sweep)
    assert last >= 12
    for calls in range(1, last + 1):
        world = await with_leftovers()
        await killed(sweep, Mortal(world, calls, after=after).ports)
        if what_is_there(world):
            assert {"record", "request"} & set(what_is_there(world)), "by these the rest is found"
        await world.clock.sleep(timedelta(seconds=61))  # the claim of the process that has died
        await retain(world.ports)
        assert what_is_there(world) == [], calls


async def assert_is_run(world: World) -> None:
    """Send the job until it is accepted, and let it run to its end: nothing of it is missing."""
    with suppress(ServiceBusyError):
        await by_http(sweep_message())(world.ports)
    await world.clock.sleep(timedelta(seconds=61))
    await retain(world.ports)
    await by_http(sweep_message())(world.ports)
    assert {"record", "request", "plan"} <= set(what_is_there(world))
    await world.run_until_idle()
    assert world.record().state is JobState.SUCCEEDED
    assert len(world.callbacks.received) == 1


async def test_a_job_that_comes_back_after_a_month_is_not_swept_whenever_the_sweep_comes() -> None:
    """A whole sweep comes before each side effect of the acceptance, in turn."""
    step = by_http(sweep_message())
    accepted = 0
    for number in range(await calls_of(with_leftovers, step)):
        world, made = await with_leftovers(), 0

        async def around(name: str, call: Callable[[], Awaitable[Any]]) -> Any:
            nonlocal made
            made += 1
            if made == number + 1:  # noqa: B023 - it is called in this round
                await sweep(world.ports)  # noqa: B023
            return await call()

        with suppress(ServiceBusyError):
            await step(intercepted(world.ports, around))
            accepted += 1
            assert {"record", "request", "plan", "active"} <= set(what_is_there(world)), number
        await assert_is_run(world)
    assert accepted


async def test_a_job_that_comes_back_during_a_sweep_waits_for_its_end_or_is_left_alone() -> None:
    """A whole acceptance comes before each side effect of the sweep, in turn."""
    refused = 0
    for number in range(await calls_of(with_leftovers, sweep)):
        world, made = await with_leftovers(), 0

        async def around(name: str, call: Callable[[], Awaitable[Any]]) -> Any:
            nonlocal made, refused
            made += 1
            if made == number + 1:  # noqa: B023 - it is called in this round
                try:
                    await by_http(sweep_message())(world.ports)  # noqa: B023
                except ServiceBusyError:
                    refused += 1
            return await call()

        await sweep(intercepted(world.ports, around))
        await assert_is_run(world)
    assert refused
