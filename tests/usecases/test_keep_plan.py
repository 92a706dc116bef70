"""A workload plans its job once. What it has planned is kept with the job, and used from then on."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from batchmgr.errors import JobConflictError
from batchmgr.model.job_states import JobState
from batchmgr.plan.job_plan import JobPlan
from batchmgr.steps.check_job import check_job
from batchmgr.steps.keep_plan import find_plan, keep_plan, load_plan
from batchmgr.steps.kept_tasks import KeptTasks
from batchmgr.usecases.accept import accept
from batchmgr.usecases.cancel import cancel
from batchmgr.usecases.submit import submit
from batchmgr.workload.manifest import Manifest
from tests.usecases.sweep_workload import Sweep, sweep_message
from tests.world import World


@pytest.mark.parametrize("streamed", [True, False])
async def test_create_job_runs_once_in_the_whole_life_of_a_job_from_the_queue(streamed: bool) -> None:
    sweep = Sweep(streamed=streamed)
    world = sweep.world()
    world.enqueue(sweep_message())
    await world.run_until_idle()
    assert sweep.created == 1
    assert world.record().state is JobState.SUCCEEDED
    names = [result.name for result in world.record().results]
    assert names == ["run-1/0.txt", "run-1/1.txt", "run-1/2.txt"]


async def test_create_job_runs_once_for_a_job_over_http() -> None:
    sweep = Sweep()
    world = sweep.world()
    plan = await check_job(world.ports, "job-1", sweep_message())
    await accept(world.ports, "job-1", sweep_message(), plan)
    await submit(world.ports, "job-1")
    await world.run_until_idle()
    assert sweep.created == 1
    assert world.record().state is JobState.SUCCEEDED


async def test_a_workload_that_has_changed_since_changes_nothing() -> None:
    sweep = Sweep()
    world = sweep.world()
    world.batch.fails.add("2")
    world.enqueue(sweep_message())
    await world.tick()
    sweep.works = False
    await world.run_until_idle()
    assert sweep.created == 1
    assert world.record().state is JobState.PARTIAL  # the last task waits for the failed one for ever
    assert world.batch.finished == ["job-1"]
    manifest = Manifest.from_json(world.files.blobs["job-1/batchmgr-manifest.json"].decode())
    assert [len(task.outputs) for task in manifest.tasks] == [1, 1, 1, 0]
    assert [result.name for result in world.record().results] == ["run-1/0.txt", "run-1/2.txt"]


async def test_two_processes_that_plan_one_job_use_the_plan_that_was_stored_first() -> None:
    sweep = Sweep()
    world = sweep.world()
    message = sweep_message()
    await accept(world.ports, "job-1", message, is_checked=False)
    first, second = [await check_job(world.ports, "job-1", message) for _ in range(2)]
    kept = await asyncio.gather(*(keep_plan(world.ports, "job-1", plan) for plan in (first, second)))
    assert sorted(kept) == [False, True]
    (winner,) = [plan for plan, is_kept in zip((first, second), kept, strict=True) if is_kept]
    await world.ports.queue.enqueue_submission("job-1")
    await world.run_until_idle()
    assert world.batch.jobs["job-1"].tasks["1"].environment == winner.tasks[0].environment
    assert sweep.created == 3  # the job was not announced yet, so it was checked once more


async def test_a_plan_of_another_message_under_the_same_id_is_not_kept() -> None:
    world = Sweep().world()
    await accept(
        world.ports, "job-1", sweep_message(2), await check_job(world.ports, "job-1", sweep_message(2))
    )
    other = await check_job(world.ports, "job-1", sweep_message(5))
    with pytest.raises(JobConflictError, match="job-1"):
        await accept(world.ports, "job-1", sweep_message(5), other)
    assert len(await kept_plan(world)) == 3


async def test_a_job_that_is_refused_leaves_no_plan() -> None:
    world = Sweep().world()
    world.enqueue(msgspec.structs.replace(sweep_message(), inputs={"cases": "three"}))
    await world.run_until_idle()
    assert world.record().state is JobState.REJECTED
    assert world.jobs.plans == {}


async def test_a_submission_without_a_kept_plan_plans_the_job_and_keeps_it() -> None:
    """A process was killed between the request and the plan, or somebody has deleted the plan."""
    sweep = Sweep()
    world = sweep.world()
    await accept(world.ports, "job-1", sweep_message())
    await submit(world.ports, "job-1")
    assert sweep.created == 1
    await world.run_until_idle()
    assert sweep.created == 1
    assert world.record().state is JobState.SUCCEEDED


async def test_a_job_that_was_never_planned_has_no_plan_and_no_code_runs_to_find_one() -> None:
    sweep = Sweep()
    world = sweep.world()
    record = await accept(world.ports, "job-1", sweep_message(), is_checked=False)
    assert await find_plan(world.ports, record) is None
    assert sweep.created == 0


async def test_a_kept_plan_is_the_plan_with_its_tasks_in_a_file() -> None:
    world = Sweep().world()
    made = await check_job(world.ports, "job-1", sweep_message(250))
    await keep_plan(world.ports, "job-1", made)
    found = await load_plan(world.ports, "job-1", made.traceparent)
    assert found is not None
    assert isinstance(found.tasks, KeptTasks)
    assert list(found.tasks) == list(made.tasks)
    assert replace(found, tasks=()) == replace(made, tasks=())
    assert [task.is_leaf for task in found.tasks] == [False] * 250 + [True]
    assert found.tasks[-1].depends_on == tuple(str(number) for number in range(1, 251))
    assert found.finalize_task.depends_on == ("251",)
    assert [task.id for task in found.tasks[98:102]] == ["99", "100", "101", "102"]
    assert [task.id for task in found.tasks[::-100]] == ["251", "151", "51"]
    assert found.tasks[251:] == []
    with pytest.raises(IndexError):
        found.tasks[251]


async def test_several_threads_may_read_a_plan_at_once() -> None:
    world = Sweep().world()
    made = await check_job(world.ports, "job-1", sweep_message(500))
    expected = [task.id for task in made.tasks]

    def read() -> list[str]:
        return [task.id for task in made.tasks]

    assert await asyncio.gather(*(asyncio.to_thread(read) for _ in range(8))) == [expected] * 8


async def test_a_submission_of_several_portions_reads_the_kept_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batchmgr.usecases.submit.PORTION_TIME", timedelta(0))
    sweep = Sweep()
    world = sweep.world()
    world.batch.run = list  # type: ignore[method-assign]
    world.enqueue(sweep_message(450))
    for _ in range(8):
        await world.tick()
    assert world.record().state is JobState.RUNNING
    assert sweep.created == 1
    assert len(world.batch.jobs["job-1"].tasks) == 452


async def test_a_cancelled_job_that_was_never_submitted_ends() -> None:
    world = Sweep().world()
    await accept(world.ports, "job-1", sweep_message())
    await cancel(world.ports, "job-1")
    await world.run_until_idle()
    assert world.record().state is JobState.CANCELLED


async def kept_plan(world: World) -> list[str]:
    plan: JobPlan | None = await load_plan(world.ports, "job-1", "")
    assert plan is not None
    return [task.id for task in plan.tasks]
