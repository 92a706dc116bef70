"""The outcome of a job with thousands of tasks waits neither for the progress queue nor for the poller."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from batchmgr.factories.factory_tasks import FactoryTasks
from batchmgr.model.batch_snapshots import TaskSnapshot
from batchmgr.model.job_record import JobRecord
from batchmgr.model.job_states import JobState
from batchmgr.plan.job_plan import TaskPlan
from batchmgr.ports import Versioned
from batchmgr.usecases.finalize import finalize
from tests.world import World, job_message, task

TASKS = 3000


async def world_whose_tasks_have_ended() -> World:
    """Return a world with a job that runs as far as batchmgr knows, whose tasks have all ended."""
    world = World()
    world.batch.run = list  # type: ignore[method-assign]
    world.enqueue(job_message(*(task(str(n)) for n in range(1, TASKS + 1))))
    await world.tick()
    del world.batch.run
    world.batch.run()
    return world


def note_ends(world: World) -> list[datetime]:
    """Return a list that gets the time at which the record says that the job has ended."""
    ends: list[datetime] = []
    store = world.jobs._store

    def noted(record: JobRecord) -> Versioned[JobRecord]:
        if record.state.is_final and not ends:
            ends.append(world.clock.now())
        return store(record)

    world.jobs._store = noted  # type: ignore[method-assign]
    return ends


async def test_the_outcome_does_not_wait_until_the_events_of_all_tasks_are_sent() -> None:
    world = await world_whose_tasks_have_ended()
    world.sink.delay = timedelta(seconds=2)
    ends, begun = note_ends(world), world.clock.now()
    await finalize(world.ports, "job-1")
    assert ends[0] - begun < timedelta(seconds=2)
    await world.run_until_idle()
    assert world.log()[-1].type == "batchmgr.job.succeeded"
    sent = sorted({event.sequence: event.id for event in world.sink.sent}.items())
    assert [id_ for _, id_ in sent] == [event.id for event in world.log()]


async def test_all_events_are_sent_by_the_finalization_itself_if_there_is_time() -> None:
    world = await world_whose_tasks_have_ended()
    await finalize(world.ports, "job-1")
    await world.deliveries.finish()
    assert [event.id for event in world.sink.sent] == [event.id for event in world.log()]
    assert world.jobs.active == set()


async def test_somebody_who_saves_the_record_meanwhile_makes_nothing_happen_twice() -> None:
    world = await world_whose_tasks_have_ended()
    listings: list[dict[str, object]] = []
    list_tasks = world.batch.list_tasks

    async def listed_while_others_save(job_id: str, **options: Any) -> AsyncIterator[TaskSnapshot]:
        listings.append(options)
        async for one in list_tasks(job_id, **options):
            yield one
        if len(listings) == 1:
            job = await world.jobs.load("job-1")
            await world.jobs.save(job.value, job.etag)

    world.batch.list_tasks = listed_while_others_save  # type: ignore[method-assign]
    await finalize(world.ports, "job-1")
    assert world.record().state is JobState.SUCCEEDED
    assert listings == [{"since": None}, {"since": None}, {"without": "completed"}]
    assert len({event.id for event in world.log()}) == len(world.log())


async def test_tasks_without_result_files_are_not_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.loses_finalize_triggers = True
    sweep = (
        b'{"jobId":"job-1","taskFactory":{"type":"parametricSweep","parameters":{"n":{"start":1,"end":500}},'
        b'"repeatTask":{"commandLine":"/bin/true {n}"}}}'
    )
    world.enqueue(sweep)
    await world.tick()
    made = 0
    make = FactoryTasks._make

    def counted(tasks: FactoryTasks, number: int) -> TaskPlan:
        nonlocal made
        made += 1
        return make(tasks, number)

    monkeypatch.setattr(FactoryTasks, "_make", counted)
    await finalize(world.ports, "job-1")
    assert world.record().state is JobState.SUCCEEDED
    assert made < 10
