"""A job that can't end by itself ends once, with its reason, whoever is killed or works on it meanwhile."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from batchmgr.dispatcher.memory_job import TaskExit
from batchmgr.errors import BatchmgrError
from batchmgr.model.job_states import JobState
from batchmgr.plan.job_plan import HOLD_TASK_ID
from batchmgr.usecases.accept import accept
from batchmgr.usecases.poll import poll
from batchmgr.usecases.submit import submit
from batchmgr.wire.events import JOB_PROGRESS
from tests.chaos.interception import intercepted
from tests.chaos.test_pairs import USE_CASES, interleaved
from tests.world import World, job_message, task

Begin = Callable[[World], Awaitable[None]]


class KilledError(BaseException):
    """Stands for a killed process."""


async def running(world: World) -> None:
    await accept(world.ports, "job-1", job_message(task("a"), task("b"), task("c", "/bin/true", "b")))
    await submit(world.ports, "job-1")
    world.batch.start_next_task("job-1")
    world.batch.pools.clear()  # the other tasks wait
    world.batch.record_exit("job-1", "a", TaskExit.exited(0))


async def pool_deleted(world: World) -> None:
    """The next poll sees for the second time that the pool is gone."""
    await running(world)
    for seconds in (0, 31):
        await world.clock.sleep(timedelta(seconds=seconds))
        await poll(world.ports)
    assert world.record().waiting_for is not None
    await world.clock.sleep(timedelta(minutes=1))


async def task_deleted(world: World) -> None:
    """The next poll finds that a task is missing, and that only the FinalizeTask can still run."""
    await running(world)
    world.batch.pools.add("local")
    await world.batch.delete_task("job-1", "b")
    await poll(world.ports)
    await world.clock.sleep(timedelta(seconds=31))


async def last_task_deleted(world: World) -> None:
    """The next poll finds that tasks are missing, and that only the FinalizeTask is left."""
    await running(world)
    world.batch.pools.add("local")
    await world.batch.delete_task("job-1", "b")
    await world.batch.delete_task("job-1", "c")
    await poll(world.ports)
    await world.clock.sleep(timedelta(seconds=31))


BEGINNINGS = [pool_deleted, task_deleted, last_task_deleted]


def check(world: World, begin: Begin) -> None:
    """The job ended once, with the truth, and its caller was told."""
    ids = [event.id for event in world.log() if event.type != JOB_PROGRESS]  # counts may come and go
    assert len(ids) == len(set(ids)), ids
    assert len(world.callbacks.received) == 1
    assert world.jobs.active == set()
    record = world.record()
    assert record.outbox == ()
    assert record.waiting_for is None
    assert world.batch.jobs["job-1"].state == "completed"
    if record.cancel_requested:
        assert record.state is JobState.CANCELLED
        return
    assert record.state is JobState.PARTIAL
    assert record.error is not None
    assert record.error.code == ("PoolNotFound" if begin is pool_deleted else "TaskDeleted")
    assert world.batch.finished == ([] if begin is pool_deleted else ["job-1"])
    assert HOLD_TASK_ID not in world.batch.jobs["job-1"].waiting


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("begin", BEGINNINGS)
async def test_a_poller_that_is_killed_at_any_call(begin: Begin, after: bool) -> None:
    at = 1
    while True:
        world = World()
        await begin(world)
        made = await killed_at(world, at, after=after)
        await world.run_until_idle()
        check(world, begin)
        if made < at:
            break
        at += 1
    assert at > 10


async def killed_at(world: World, at: int, *, after: bool) -> int:
    """Poll with a process that is killed at its call `at`. Return the number of its calls."""
    made = 0

    async def around(name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        nonlocal made
        made += 1
        if made == at and not after:
            raise KilledError
        result = await call()
        if made == at:
            raise KilledError
        return result

    with suppress(KilledError, BaseExceptionGroup):
        await poll(intercepted(world.ports, around))
    return made


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("second", ["poll", "cancel", "finalize", "submit"])
@pytest.mark.parametrize("begin", BEGINNINGS)
async def test_a_poller_and_another_use_case(begin: Begin, second: str, after: bool) -> None:
    at = 1
    while True:
        world = World()
        await begin(world)
        with suppress(BatchmgrError):
            calls = await interleaved(world, USE_CASES["poll"], USE_CASES[second], at, after=after)
        await world.run_until_idle()
        check(world, begin)
        if calls < at:
            break
        at += 1
