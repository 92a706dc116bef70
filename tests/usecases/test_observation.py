"""What a poll tells of many tasks, and what it makes good for."""

from datetime import timedelta

import pytest

from batchmgr.model.states import JobState
from batchmgr.usecases import observation
from batchmgr.usecases.polling import poll
from tests.world import World, job_message, task

MANY = [task(str(number)) for number in range(1, 601)]


async def running_world() -> World:
    world = World()
    world.batch.run = list  # type: ignore[method-assign]
    world.enqueue(job_message(*MANY))
    await world.tick()
    del world.batch.run
    return world


async def test_every_task_of_many_is_told_once_in_order_of_time() -> None:
    world = await running_world()
    world.batch.run()
    await world.until_settled()
    ended = [event for event in world.log() if event.type == "batchmgr.task.succeeded"]
    assert len(ended) == len({event.id for event in ended}) == 601
    assert [event.time for event in ended] == sorted(event.time for event in ended)
    assert world.record().state is JobState.SUCCEEDED


async def test_a_job_where_nothing_changes_is_not_saved_and_tells_nothing() -> None:
    world = await running_world()
    await poll(world.ports)
    before, events = world.jobs.records["job-1"], len(world.log())
    await poll(world.ports)
    assert world.jobs.records["job-1"] == before
    assert len(world.log()) == events


async def test_a_transition_that_became_visible_too_late_is_told_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(observation, "OVERLAP", timedelta(0))
    world = await running_world()
    job = world.batch.jobs["job-1"]
    earlier = job.snapshots["7"]
    world.batch.run()
    late, job.snapshots["7"] = job.snapshots["7"], earlier
    await poll(world.ports)
    assert not [event for event in world.log() if event.subject.endswith("/7")]
    job.snapshots["7"] = late
    await world.until_settled()
    told = [event.type for event in world.log() if event.subject.endswith("/7")]
    assert told == ["batchmgr.task.succeeded"]


async def test_only_the_first_twenty_failed_tasks_are_looked_at_on_their_nodes() -> None:
    world = World()
    world.enqueue(job_message(*(task(str(number), "/bin/false") for number in range(1, 31))))
    await world.until_settled()
    failed = [event.data["error"] for event in world.log() if event.type == "batchmgr.task.failed"]
    looked_at = [error for error in failed if isinstance(error, dict) and error.get("stderr")]
    assert (len(failed), len(looked_at)) == (30, 20)
    assert len(world.record().failed_tasks) == 20
    [(_, body, _)] = world.callbacks.received
    assert body.error is not None
    assert body.error.message.startswith("30 of 30 tasks failed.")
