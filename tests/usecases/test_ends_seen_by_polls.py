"""Of a large job, the end reads only what no poll has seen: but all of it where that may not be the truth."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from batchmgr.model.batch_snapshots import TaskCounts, TaskSnapshot
from batchmgr.model.job_states import JobState
from batchmgr.plan.job_plan import FINALIZE_TASK_ID
from batchmgr.steps import observe_tasks
from batchmgr.usecases import finalize as finalization
from batchmgr.usecases.cancel import cancel
from batchmgr.usecases.finalize import finalize
from batchmgr.usecases.poll import poll
from tests.world import World, job_message, task

TASKS = 30
WHOLE = {"since": None, "without": None}


@pytest.fixture(autouse=True)
def _everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finalization, "READ_AT_ONCE", 10)
    monkeypatch.setattr(observe_tasks, "TASKS_AT_ONCE", 7)


async def running(*failing: str) -> World:
    """Return a world with a job whose tasks wait to run. Those that fail take nobody with them."""
    world = World()
    world.batch.run = list  # type: ignore[method-assign]
    world.loses_finalize_triggers = True
    commands = dict.fromkeys(failing, "/bin/false")
    world.enqueue(
        job_message(*(task(str(n), commands.get(str(n), "/bin/true")) for n in range(1, TASKS + 1)))
    )
    await world.tick()
    return world


def run_tasks(world: World) -> None:
    del world.batch.run
    world.batch.run()


def watch_lists(world: World) -> list[dict[str, Any]]:
    """Return a list that gets the options of each list of tasks from now on."""
    asked: list[dict[str, Any]] = []
    list_tasks = world.batch.list_tasks

    def watched(job_id: str, **options: Any) -> AsyncIterator[TaskSnapshot]:
        asked.append({**WHOLE, **options})
        return list_tasks(job_id, **options)

    world.batch.list_tasks = watched  # type: ignore[method-assign]
    return asked


def ends(world: World) -> list[str]:
    """Return the ids of the events of the ends of tasks, in the order of the log."""
    types = {"batchmgr.task.succeeded", "batchmgr.task.failed"}
    return [event.id for event in world.log() if event.type in types]


def assert_each_end_was_told_once(world: World) -> None:
    assert len(ends(world)) == len(set(ends(world))) == TASKS + 1
    assert len({event.id for event in world.log()}) == len(world.log())


async def test_what_polls_have_seen_is_not_read_again() -> None:
    world = await running()
    run_tasks(world)
    await poll(world.ports)
    asked = watch_lists(world)
    await finalize(world.ports, "job-1")
    assert world.record().state is JobState.SUCCEEDED
    assert [one["since"] is not None or one["without"] == "completed" for one in asked] == [True, True]
    assert world.record().run.counts == TaskCounts(completed=TASKS + 1, succeeded=TASKS + 1)
    assert_each_end_was_told_once(world)


async def test_of_what_polls_have_seen_little_is_read_again_unless_an_end_is_missing() -> None:
    world = await running()
    job = world.batch.jobs["job-1"]
    earlier = job.snapshots["7"]
    run_tasks(world)
    moment, late = world.clock.now(), job.snapshots["7"]
    job.snapshots["7"] = earlier
    await poll(world.ports)
    assert world.record().run.cursor.completed == TASKS  # and the FinalizeTask
    job.snapshots["7"] = msgspec.structs.replace(late, state_transition_time=moment - timedelta(seconds=5))
    asked = watch_lists(world)
    await finalize(world.ports, "job-1")
    assert world.record().state is JobState.SUCCEEDED
    assert [one["since"] and moment - one["since"] for one in asked] == [
        timedelta(seconds=1),
        timedelta(seconds=10),
        None,
    ]
    assert_each_end_was_told_once(world)


async def test_a_job_that_no_poll_has_seen_is_read_once() -> None:
    world = await running()
    run_tasks(world)
    asked = watch_lists(world)
    await finalize(world.ports, "job-1")
    assert world.record().state is JobState.SUCCEEDED
    assert asked == [WHOLE, {"since": None, "without": "completed"}]
    assert_each_end_was_told_once(world)


@pytest.mark.parametrize("is_polled", [True, False])
async def test_if_a_task_has_failed_all_are_read(is_polled: bool) -> None:
    world = await running("3", "17")
    run_tasks(world)
    if is_polled:
        await poll(world.ports)
    asked = watch_lists(world)
    await finalize(world.ports, "job-1")
    record = world.record()
    assert record.state is JobState.PARTIAL
    assert [failed.task_id for failed in record.run.failed_tasks] == ["17", "3"]
    assert asked[-1] == WHOLE
    assert_each_end_was_told_once(world)


async def test_a_task_that_was_deleted_before_it_ran_is_missed() -> None:
    world = await running()
    world.batch.jobs["job-1"].remove("9")
    run_tasks(world)
    await world.run_until_idle()
    record = world.record()
    assert record.state is JobState.PARTIAL
    assert record.error is not None
    assert record.error.code == "TaskDeleted"


async def test_a_task_that_was_deleted_after_it_had_succeeded_is_not_missed() -> None:
    world = await running()
    run_tasks(world)
    await poll(world.ports)
    world.batch.jobs["job-1"].remove("9")
    asked = watch_lists(world)
    await finalize(world.ports, "job-1")
    assert world.record().state is JobState.SUCCEEDED
    assert WHOLE not in asked


async def test_a_foreign_task_that_is_not_over_is_seen() -> None:
    world = await running()
    run_tasks(world)
    await poll(world.ports)
    job = world.batch.jobs["job-1"]
    job.snapshots["foreign"] = msgspec.structs.replace(
        job.snapshots["1"], task_id="foreign", state="active", result=""
    )
    asked = watch_lists(world)
    await finalize(world.ports, "job-1")
    assert asked[-1] == WHOLE
    assert world.record().state is JobState.PARTIAL


async def test_a_foreign_task_that_has_failed_is_seen() -> None:
    world = await running()
    run_tasks(world)
    await poll(world.ports)
    job = world.batch.jobs["job-1"]
    now = world.clock.now()
    job.set(
        msgspec.structs.replace(
            job.snapshots["1"], task_id="foreign", result="failure", exit_code=1, state_transition_time=now
        )
    )
    await finalize(world.ports, "job-1")
    assert world.record().state is JobState.PARTIAL


async def test_a_transition_that_no_poll_could_see_is_published_although_all_have_to_be_read() -> None:
    world = await running()
    job = world.batch.jobs["job-1"]
    waiting = job.snapshots["7"]
    run_tasks(world)
    late, job.snapshots["7"] = job.snapshots["7"], waiting
    await poll(world.ports)
    long_ago = world.record().created_at - observe_tasks.OVERLAP * 10
    job.snapshots["7"] = msgspec.structs.replace(late, state_transition_time=long_ago)
    asked = watch_lists(world)
    await finalize(world.ports, "job-1")
    assert world.record().state is JobState.SUCCEEDED
    assert asked[-1] == WHOLE
    assert_each_end_was_told_once(world)


async def test_a_job_that_is_cancelled_during_its_finalization_is_cancelled() -> None:
    world = await running()
    run_tasks(world)
    await poll(world.ports)
    list_tasks = world.batch.list_tasks

    async def cancelled_meanwhile(job_id: str, **options: Any) -> AsyncIterator[TaskSnapshot]:
        async for one in list_tasks(job_id, **options):
            yield one
        if not world.record().cancel_requested:
            await cancel(world.ports, "job-1")

    world.batch.list_tasks = cancelled_meanwhile  # type: ignore[method-assign]
    await finalize(world.ports, "job-1")
    await world.run_until_idle()
    assert world.record().state is JobState.CANCELLED
    assert_each_end_was_told_once(world)


class Interrupted(BaseException):
    """The turn of the job is over."""


async def test_a_poll_that_is_interrupted_has_not_been_for_nothing() -> None:
    world = await running()
    run_tasks(world)
    list_tasks = world.batch.list_tasks

    async def cut_off(job_id: str, **options: Any) -> AsyncIterator[TaskSnapshot]:
        read = 0
        async for one in list_tasks(job_id, **options):
            yield one
            read += 1
            if read == 24:
                raise Interrupted

    world.batch.list_tasks = cut_off  # type: ignore[method-assign]
    with pytest.raises((Interrupted, BaseExceptionGroup)):
        await poll(world.ports)
    told, cursor = ends(world), world.record().run.cursor
    assert cursor.completed == cursor.succeeded == len(told) > 7
    assert cursor.until is None
    world.batch.list_tasks = list_tasks  # type: ignore[method-assign]
    await poll(world.ports)
    assert ends(world)[: len(told)] == told
    assert world.record().run.cursor.reached is None
    assert_each_end_was_told_once(world)
    await finalize(world.ports, "job-1")
    assert world.record().state is JobState.SUCCEEDED
    assert_each_end_was_told_once(world)


async def test_the_poller_leaves_a_job_alone_whose_tasks_are_being_read_at_its_end() -> None:
    world = await running()
    run_tasks(world)
    list_tasks, polled = world.batch.list_tasks, 0

    async def polled_meanwhile(job_id: str, **options: Any) -> AsyncIterator[TaskSnapshot]:
        nonlocal polled
        async for one in list_tasks(job_id, **options):
            if polled == 0:
                polled += 1
                asked = watch_lists(world)
                await poll(world.ports)
                assert asked == []
            yield one

    world.batch.list_tasks = polled_meanwhile  # type: ignore[method-assign]
    await finalize(world.ports, "job-1")
    assert polled == 1
    assert world.record().state is JobState.SUCCEEDED


async def test_a_job_that_has_not_ended_is_given_back() -> None:
    world = await running()
    run_tasks(world)
    job = world.batch.jobs["job-1"]
    last = job.snapshots[FINALIZE_TASK_ID]
    job.state, job.state_transition_time = "terminating", world.clock.now()
    job.set(msgspec.structs.replace(last, state="running", result=""))
    await finalize(world.ports, "job-1")
    assert world.record().state is JobState.RUNNING
    assert world.record().claim is None
    job.state = "completed"
    job.set(last)
    await world.run_until_idle()
    assert world.record().state is JobState.SUCCEEDED


async def test_the_failure_of_the_finalize_task_is_kept_beside_many_that_were_logged_and_not_saved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = await running(*map(str, range(1, TASKS + 1)))
    world.batch.fails.add(FINALIZE_TASK_ID)
    run_tasks(world)
    append, list_tasks = world.events.append, world.batch.list_tasks

    async def log_and_stop(*arguments: Any) -> Any:
        await append(*arguments)
        raise Interrupted

    async def other_tasks_first(job_id: str, **options: Any) -> AsyncIterator[TaskSnapshot]:
        for one in sorted([one async for one in list_tasks(job_id, **options)], key=finalize_task_last):
            yield one

    monkeypatch.setattr(observe_tasks, "TASKS_AT_ONCE", 25)
    world.events.append = log_and_stop  # type: ignore[assignment]
    with pytest.raises((Interrupted, BaseExceptionGroup)):
        await poll(world.ports)
    monkeypatch.setattr(observe_tasks, "TASKS_AT_ONCE", 3)
    world.events.append = append  # type: ignore[method-assign]
    world.batch.list_tasks = other_tasks_first  # type: ignore[method-assign]
    await poll(world.ports)
    known = [failed.task_id for failed in world.record().run.failed_tasks]
    assert FINALIZE_TASK_ID in known
    assert len(known) == 21
    await finalize(world.ports, "job-1")
    assert_each_end_was_told_once(world)


def finalize_task_last(task: TaskSnapshot) -> tuple[bool, int]:
    """Return a key that sorts tasks backwards by their numbers, and the FinalizeTask behind them."""
    return (True, 0) if task.task_id == FINALIZE_TASK_ID else (False, -int(task.task_id))


@pytest.mark.parametrize("seen_by", ["poll", "finalization"])
async def test_what_was_logged_but_not_saved_is_told_once_whatever_the_order_of_the_next_list(
    seen_by: str,
) -> None:
    world = await running("13", "26")
    run_tasks(world)
    append, list_tasks = world.events.append, world.batch.list_tasks

    async def log_and_stop(*arguments: Any) -> Any:
        await append(*arguments)
        raise Interrupted

    async def backwards(job_id: str, **options: Any) -> AsyncIterator[TaskSnapshot]:
        for one in reversed([one async for one in list_tasks(job_id, **options)]):
            yield one

    world.events.append = log_and_stop  # type: ignore[assignment]
    with pytest.raises((Interrupted, BaseExceptionGroup)):
        await poll(world.ports)
    assert "jobs/job-1/tasks/13/task.failed/0" in ends(world)
    world.events.append = append  # type: ignore[method-assign]
    world.batch.list_tasks = backwards  # type: ignore[method-assign]
    if seen_by == "poll":
        await poll(world.ports)
        assert world.record().run.cursor.completed == TASKS + 1
        assert world.record().run.cursor.succeeded == TASKS - 1
    await finalize(world.ports, "job-1")
    assert world.record().state is JobState.PARTIAL
    assert {failed.task_id for failed in world.record().run.failed_tasks} == {"13", "26"}
    assert_each_end_was_told_once(world)
