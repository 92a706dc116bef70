"""What the poller makes good, and what it leaves alone."""

import asyncio
from datetime import timedelta

from msgspec.structs import replace

from batchmgr.model.batch_snapshots import TaskCounts
from batchmgr.model.job_states import JobState
from batchmgr.steps.next_look import SUBMISSION_TIMEOUT
from batchmgr.usecases.accept import accept
from batchmgr.usecases.finalize import finalize
from batchmgr.usecases.poll import poll
from batchmgr.usecases.submit import submit
from tests.world import World, job_message, task


async def test_a_queued_job_is_enqueued_again_when_it_has_been_idle_long_enough_and_not_before() -> None:
    world = World()
    await accept(world.ports, "job-1", job_message())
    await world.clock.sleep(SUBMISSION_TIMEOUT)
    await poll(world.ports)
    assert world.queue.messages == []
    await world.clock.sleep(timedelta(seconds=1))
    await poll(world.ports)
    await poll(world.ports)
    assert [message.body for message in world.queue.messages] == ["job-1"]


async def test_a_job_whose_cancellation_was_cut_short_is_cancelled_although_its_tasks_run_on() -> None:
    world = World()
    world.loses_finalize_triggers = True
    await accept(world.ports, "job-1", job_message(task("endless")))
    await submit(world.ports, "job-1")
    assert world.batch.start_next_task("job-1") is not None
    job = await world.jobs.load("job-1")
    await world.jobs.save(job.value.cancellation_requested(world.clock.now()), job.etag)
    for _ in range(10):
        await poll(world.ports)
        await world.handle_messages()
        await world.clock.sleep(timedelta(seconds=5))
    assert world.record().state is JobState.CANCELLED
    assert world.batch.jobs["job-1"].state == "completed"


async def test_a_transition_that_becomes_visible_late_is_published_by_the_next_poll() -> None:
    world = World()
    world.batch.run = list  # type: ignore[method-assign]
    await accept(world.ports, "job-1", job_message(task("a"), task("b"), task("c")))
    await submit(world.ports, "job-1")
    job = world.batch.jobs["job-1"]
    early = world.clock.now()
    await world.clock.sleep(timedelta(seconds=5))
    job.set(replace(job.snapshots["a"], state="running", state_transition_time=world.clock.now()))
    await poll(world.ports)
    # Task b began before a, but the service shows it only now.
    job.set(replace(job.snapshots["b"], state="running", state_transition_time=early))
    await poll(world.ports)
    running = [event.data["taskId"] for event in world.log() if event.type == "batchmgr.task.running"]
    assert running == ["a", "b"]


async def test_a_batch_job_that_is_just_ending_is_waited_for_so_that_its_counts_are_final() -> None:
    world = World()
    await accept(world.ports, "job-1", job_message(task("a")))
    await submit(world.ports, "job-1")
    assert world.batch.start_next_task("job-1") is not None
    job = world.batch.jobs["job-1"]
    job.state, job.terminate_reason = "terminating", "UserTerminate"

    async def end_slowly() -> None:
        await world.clock.sleep(timedelta(seconds=8))
        for snapshot in list(job.snapshots.values()):
            ended = replace(snapshot, state="completed", result="failure")
            job.set(replace(ended, state_transition_time=world.clock.now()))
        job.state = "completed"

    ending = asyncio.create_task(end_slowly())
    await finalize(world.ports, "job-1")
    await ending
    assert world.record().state is JobState.FAILED
    assert world.record().run.counts == TaskCounts(completed=2, failed=2)
