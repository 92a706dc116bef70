"""Whoever dies, and however many work at once: the line moves on, and no job stays in it or runs twice."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from batchmgr.model.job_states import JobState
from batchmgr.usecases.let_in import let_in
from batchmgr.usecases.poll import poll
from tests.chaos.test_concurrent_processes import DELAYS, delayed
from tests.chaos.test_killed_processes import WHEN, Mortal, live
from tests.number_of_examples import examples
from tests.world import World, job_message

NAMES = ("a", "b", "c", "d")


def full_world() -> World:
    """A world with four jobs, and an account that takes one."""
    world = World()
    world.batch.quota = 1
    for name in NAMES:
        world.enqueue(job_message(job_id=name), message_id=name)
    return world


def assert_all_have_run(world: World) -> None:
    assert [world.record(name).state for name in NAMES] == [JobState.SUCCEEDED] * len(NAMES)
    assert sorted(world.batch.created) == list(NAMES)
    assert world.line.tickets == set()
    for name in NAMES:
        ids = [event.id for event in world.log(name)]
        assert len(ids) == len(set(ids))


async def count_calls() -> int:
    world = full_world()
    life = Mortal(world, 10**9, after=False)
    for _ in range(10):
        await world.tick(life.ports)
    assert_all_have_run(world)
    return life.made


@WHEN
async def test_a_process_that_dies_at_any_step_leaves_nobody_in_the_line(after: bool) -> None:
    # The jobs make the same calls, one after the other: a third of all has each of them.
    for calls in range(1, await count_calls() + 1, 3):
        world = full_world()
        await live(world, Mortal(world, calls, after=after))
        await world.run_until_idle()
        assert_all_have_run(world)


@given(deaths=st.lists(st.tuples(st.integers(1, 120), st.booleans()), max_size=5))
@examples(50)
async def test_many_deaths_leave_nobody_in_the_line(deaths: list[tuple[int, bool]]) -> None:
    world = full_world()
    for calls, after in deaths:
        await live(world, Mortal(world, calls, after=after))
    await world.run_until_idle(ticks=600)
    assert_all_have_run(world)


@given(DELAYS)
@examples(100)
async def test_hosts_that_let_in_at_once_start_every_job_once(delays: list[int]) -> None:
    world = full_world()
    world.batch.run = list  # type: ignore[method-assign]
    await world.tick()
    world.batch.quota = 3
    ports = delayed(world, delays)
    await asyncio.gather(let_in(ports), let_in(ports), poll(ports), let_in(ports))
    del world.batch.run
    await world.run_until_idle()
    assert_all_have_run(world)
