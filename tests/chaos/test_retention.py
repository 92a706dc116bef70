"""Deletions that are stopped between any two side effects, and a retention beside everything else."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchmgr.errors import JobNotEndedError, JobNotFoundError, ServiceBusyError
from batchmgr.model.job_states import JobState
from batchmgr.model.retention import Retention
from batchmgr.ports import Ports
from batchmgr.usecases.purge import purge
from batchmgr.usecases.retain import retain
from tests.chaos.interception import intercepted
from tests.chaos.test_killed_processes import STORIES, Died, Mortal, Story, assert_whole, live
from tests.usecases.sweep_workload import Sweep, sweep_message
from tests.usecases.test_purge import what_is_there
from tests.world import World, job_message, task

AT_ONCE = Retention(batch_jobs=timedelta(0), jobs=timedelta(0), messages=timedelta(0))


async def with_an_ended_job() -> World:
    world = Sweep().world()
    world.enqueue(sweep_message())
    await world.run_until_idle()
    world.triggered.clear()
    return world


Deletion = Callable[[Ports], Awaitable[Any]]
DELETIONS: dict[str, Deletion] = {
    "by request": lambda ports: purge(ports, "job-1"),
    "by retention": lambda ports: retain(replace(ports, keep=AT_ONCE)),
}


async def count(delete: Deletion) -> int:
    world = await with_an_ended_job()
    life = Mortal(world, 10**9, after=False)
    await delete(life.ports)
    assert what_is_there(world) == []
    return life.made


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("deletion", DELETIONS)
async def test_a_deletion_that_is_killed_at_any_side_effect_is_repeated_to_its_end(
    deletion: str, after: bool
) -> None:
    delete = DELETIONS[deletion]
    last = await count(delete)
    assert last >= 12
    for calls in range(1, last + 1):
        world = await with_an_ended_job()
        await killed(delete, Mortal(world, calls, after=after).ports)
        if what_is_there(world):
            assert "record" in what_is_there(world), "it goes last: by it the rest is found"
        await world.clock.sleep(timedelta(seconds=61))  # the claim of the process that has died
        with suppress(JobNotFoundError):
            await delete(world.ports)
        assert what_is_there(world) == []


async def killed(delete: Deletion, ports: Ports) -> None:
    try:
        await delete(ports)
    except Died:
        return
    except BaseExceptionGroup as group:
        if group.split(Died)[1] is not None:
            raise


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_job_under_the_id_of_one_that_is_half_deleted_is_never_lost(after: bool) -> None:
    """Whenever the new message comes, it waits or becomes a job of its own, which runs to its end."""
    last = await count(DELETIONS["by request"])
    message = job_message(task("new"), task("fails", "/bin/false"))
    for calls in range(1, last + 1):
        world = await with_an_ended_job()
        await killed(DELETIONS["by request"], Mortal(world, calls, after=after).ports)
        if "request" in what_is_there(world):  # the id is still taken
            await world.clock.sleep(timedelta(seconds=61))
            assert await purge(world.ports, "job-1")
        world.enqueue(message)
        with suppress(ServiceBusyError):
            await world.tick()
        await world.clock.sleep(timedelta(seconds=61))
        if world.incoming:
            assert await purge(world.ports, "job-1")
        await world.run_until_idle()
        assert world.record().state is JobState.PARTIAL
        assert [int(event.sequence) for event in world.log()] == list(range(1, len(world.log()) + 1))
        assert len(world.callbacks.received) == 2


class Watched:
    """Ports that delete only what belongs to jobs that have ended and were told."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.deleted: list[str] = []
        self.ports = intercepted(world.ports, self._call)

    async def _call(self, name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        if name.startswith("ended.delete") or name in {"files.delete", "events.delete", "batch.delete_job"}:
            self.deleted.append(name)
            record = self._world.record()
            assert record.state.is_final, name
            assert record.callback is None or record.callback.state.value in {"delivered", "dead"}, name
        return await call()


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
async def test_a_retention_before_any_side_effect_touches_no_active_job(story: Story) -> None:
    """Each time anything is about to be done for the job, a run of the retention comes first."""
    world = World()
    story.enqueue(world)
    watched = Watched(world)
    busy = False

    async def around(name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        nonlocal busy
        if not busy:
            busy = True
            try:
                await retain(replace(watched.ports, keep=Retention(jobs=timedelta(days=1), batch_jobs=None)))
            finally:
                busy = False
        return await call()

    for _ in range(12):
        await world.tick(intercepted(world.ports, around))
    assert watched.deleted == []
    assert_whole(world, callbacks=1, story=story)
    keep = replace(watched.ports, keep=AT_ONCE)
    await retain(keep)
    assert what_is_there(world) == []


@given(
    story=st.sampled_from(list(STORIES.values())),
    deaths=st.lists(st.tuples(st.integers(1, 60), st.booleans()), max_size=4),
    runs=st.sets(st.integers(0, 40), max_size=20),
)
@settings(max_examples=100)
async def test_kills_and_a_retention_without_mercy_lose_no_job(
    story: Story, deaths: list[tuple[int, bool]], runs: set[int]
) -> None:
    """What is kept for no time at all is deleted as soon as it may be: after the job is told, not before."""
    world = World()
    story.enqueue(world)
    watched = Watched(world)
    for calls, after in deaths:
        await live(world, Mortal(world, calls, after=after))
        await retain(replace(watched.ports, keep=AT_ONCE))
    for number in range(200):
        await world.tick()
        if number in runs:
            await retain(replace(watched.ports, keep=AT_ONCE))
        if not (world.jobs.active or world.incoming or world.queue.messages or world.queue.returned):
            break
    await world.clock.sleep(timedelta(seconds=61))
    await retain(replace(watched.ports, keep=AT_ONCE))
    assert world.batch.created.count("job-1") >= 1
    assert {webhook_id for _, _, webhook_id in world.callbacks.received} == {"msg_job-1"}
    assert set(what_is_there(world)) <= {"files", "finalize blob"}


async def test_deleting_again_and_again_while_a_job_runs_changes_nothing() -> None:
    world = World()
    world.enqueue(job_message(task("a"), task("b", "/bin/true", "a")))
    world.batch.nodes, nodes = [], world.batch.nodes
    for _ in range(5):
        await world.tick()
        before = msgspec.json.encode(world.record())
        with pytest.raises(JobNotEndedError):
            await purge(world.ports, "job-1")
        assert msgspec.json.encode(world.record()) == before
    world.batch.nodes = nodes
    await world.run_until_idle()
    assert world.record().state is JobState.SUCCEEDED
